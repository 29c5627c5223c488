/** The steps of a pull, each planned when what it needs is known: the manifest names the layers. */
import type { Step } from './step.ts'

export interface PulledLayer {
  /** Its URL. */
  from: string
  /** Digest of the unpacked tar: the name of its directory. */
  diffId: string
}

export const planManifest = (url: string): Step => ({
  kind: 'call',
  id: 'image.manifest',
  why: 'What does the name stand for today? An index leads on to the manifest of this machine’s platform.',
  man: 'curl(1)',
  effect: 'image.part',
  input: { url },
  shell: `curl -fsSL -H 'Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' ${url}`,
})

export const planImageConfig = (url: string): Step => ({
  kind: 'call',
  id: 'image.config',
  why: 'The image’s command, variables and user, and the digests that its unpacked layers must have.',
  man: 'curl(1)',
  see: 'glasspod inspect IMAGE',
  effect: 'image.part',
  input: { url },
  shell: `curl -fsSL ${url}`,
})

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
  input: { urls: layers.map(({ from }) => from) },
  shell: layers
    .map(({ from, diffId }) => `curl -fsSL ${from} | gunzip | tar -x -C ${directory}/${diffId.replace(/^sha256:/, '')}`)
    .join('\n'),
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
