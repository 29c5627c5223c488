/** The steps of a pull, each planned when what it needs is known: the manifest names the layers. */
import { quoteAround } from '../spec/shell-words.ts'
import type { Step } from './step.ts'

export interface PulledLayer {
  /** Its URL, or its place in an archive. */
  from: string
  /** Digest of the unpacked tar: the name of its directory. */
  diffId: string
}

/** The directory in which an archive is while its images are taken from it. */
export const ARCHIVE = '$ARCHIVE'

const isUrl = (from: string): boolean => /^https?:/.test(from)

/** @param fill how a shell would fill the directory; without, from what a client sends on standard input */
export const planArchive = (layout: string, fill = `tar -x -C ${ARCHIVE}`): Step => ({
  kind: 'call',
  id: 'image.archive',
  why: 'An archive comes once and in its own order: it is kept until it is whole, as its manifest may be its last file.',
  man: 'tar(1)',
  see: `ls ${quoteAround(layout)}`,
  undo: {
    kind: 'call',
    id: 'image.archive',
    why: 'What was of use is in the store by then.',
    man: 'unlink(2)',
    effect: 'image.part',
    input: {},
    shell: `rm -r ${ARCHIVE}`,
  },
  effect: 'image.part',
  input: {},
  shell: `ARCHIVE=$(mktemp -d ${quoteAround(`${layout}/incoming.XXXXXX`)})\n${fill}`,
})

/** Docker Hub answers whoever has a token, which it gives to everybody. Of other registries their WWW-Authenticate tells. */
const HUB = /^https:\/\/registry-1\.docker\.io\/v2\/(.+)\/(?:manifests|blobs)\//

const tokenFor = (from: string): string => {
  const [, repository] = HUB.exec(from) ?? []
  if (repository === undefined) return ''
  const asked = `-d service=registry.docker.io -d scope=repository:${repository}:pull`
  return `TOKEN=$(curl -fsSLG ${asked} https://auth.docker.io/token | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')\n`
}

const curl = (from: string, accept = ''): string =>
  ['curl -fsSL', HUB.test(from) ? '-H "Authorization: Bearer $TOKEN"' : '', accept, from].filter(Boolean).join(' ')

const ACCEPT = "-H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json'"

/** `from`: as of a layer. */
export const planManifest = (from: string): Step => ({
  kind: 'call',
  id: 'image.manifest',
  why: isUrl(from)
    ? 'What does the name stand for today? An index leads on to the manifest of this machine’s platform.'
    : 'What is in it? An index leads on to the manifest of this machine’s platform.',
  man: isUrl(from) ? 'curl(1)' : 'cat(1)',
  effect: 'image.part',
  input: { from },
  shell: isUrl(from) ? `${tokenFor(from)}${curl(from, ACCEPT)}` : `cat ${quoteAround(from)}`,
})

export const planImageConfig = (from: string, layout: string): Step => ({
  kind: 'call',
  id: 'image.config',
  why: 'The image’s command, variables and user, and the digests that its unpacked layers must have.',
  man: isUrl(from) ? 'curl(1)' : 'cat(1)',
  see: `ls ${quoteAround(layout)}/blobs/sha256`,
  effect: 'image.part',
  input: { from },
  shell: isUrl(from) ? curl(from) : `cat ${quoteAround(from)}`,
})

/** tar(1) finds out by itself how a file is packed. */
const unpack = (from: string, directory: string): string =>
  isUrl(from) ? `${curl(from)} | gunzip | tar -x -C ${directory}` : `tar -x -f ${quoteAround(from)} -C ${directory}`

export const planLayers = (layers: readonly PulledLayer[], directory: string): Step => ({
  kind: 'call',
  id: 'image.layers',
  why: 'Fetch and unpack what is not here yet, three at a time; digests are checked while the bytes stream by.',
  man: 'tar(1)',
  see: `ls ${directory}`,
  undo: {
    kind: 'call',
    id: 'image.remove',
    why: 'Layers that no other image has go with it.',
    man: 'unlink(2)',
    effect: 'image.remove',
    input: {},
    shell: 'glasspod rmi IMAGE',
  },
  effect: 'image.part',
  input: { from: layers.map(({ from }) => from) },
  shell: layers.map(({ from, diffId }) => unpack(from, `${directory}/${diffId.replace(/^sha256:/, '')}`)).join('\n'),
})

/** @param layers directory of the unpacked ones */
export const planImageRemoval = (word: string, layout: string, layers: string): Step => ({
  kind: 'call',
  id: 'image.remove',
  why: 'The name goes by rename; with the last one go the blobs and layers to which no other image leads.',
  man: 'unlink(2)',
  see: 'glasspod system df',
  effect: 'image.remove',
  input: { word },
  shell: [
    `mv ${quoteAround(`${layout}/index.json.tmp`)} ${quoteAround(`${layout}/index.json`)}`,
    `rm -f ${quoteAround(layout)}/blobs/sha256/$BLOB`,
    `rm -rf ${quoteAround(layers)}/$DIFF_ID`,
  ].join('\n'),
})

export const planImageName = (name: string, digest: string, layout: string): Step => ({
  kind: 'call',
  id: 'image.name',
  why: 'The name changes last, by rename: a pull that fails leaves the image that had it before.',
  man: 'rename(2)',
  see: 'glasspod images',
  effect: 'image.part',
  input: { name, digest },
  shell: `mv ${layout}/index.json.tmp ${layout}/index.json`,
})
