/**
 * Images as trees of files: an OCI image layout (opencontainers/image-spec, image-layout.md), and what skopeo calls
 * `dir`. They are read and written as a tar, by tar(1) with the rights of the caller; of a layout only what leads to the
 * image that is asked for.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Failure } from '../../errors.ts'
import { fileFailure } from './failure.ts'
import { startKeeper } from './keeper.ts'
import type { Output } from './output.ts'
import { readTar } from './directory.ts'

const NAME = 'org.opencontainers.image.ref.name'
const MANIFEST_LIMIT = 4 * 1024 * 1024
/** Of a `dir`: blobs and the manifests of an index by their hash, the manifest, the version of the form. */
const DIR_FILE = /^(?:manifest\.json|version|signature-\d+|[0-9a-f]{64,128}(?:\.manifest\.json)?)$/
const LAYOUT_HEAD = ['oci-layout', 'index.json']
const DIGEST = /^([a-z0-9]+):([0-9a-f]{32,128})$/

interface Linked {
  digest?: unknown
  annotations?: Record<string, unknown>
  manifests?: Linked[]
  config?: Linked
  layers?: Linked[]
}

const refuse = (path: string, found: string, hint: string): never => {
  throw new Failure(`${path} has no image`, { id: 'image.archive', found, try: hint })
}

/** Undefined for what is no document; who takes the image says what is wrong with it. */
const readDocument = (path: string): Linked | undefined => {
  try {
    if (statSync(path).size > MANIFEST_LIMIT) return undefined
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

const listOf = (value: unknown): Linked[] =>
  Array.isArray(value) ? value.filter((item): item is Linked => typeof item === 'object' && item !== null) : []

/** Files of a layout that its index leads to, and that are there: of an image for several machines some may be missing. */
const findLinked = (path: string, reference: string | undefined): string[] => {
  const found = new Set<string>()
  const add = ({ digest }: Linked): string | undefined => {
    const [, algorithm, hex] = DIGEST.exec(typeof digest === 'string' ? digest : '') ?? []
    const file = `blobs/${algorithm}/${hex}`
    if (hex === undefined || found.has(file) || !existsSync(`${path}/${file}`)) return undefined
    found.add(file)
    return `${path}/${file}`
  }
  const follow = (entry: Linked): void => {
    const file = add(entry)
    const document = file === undefined ? undefined : readDocument(file)
    for (const blob of [...listOf([document?.config]), ...listOf(document?.layers)]) add(blob)
    for (const manifest of listOf(document?.manifests)) follow(manifest)
  }
  const entries = listOf(readDocument(`${path}/index.json`)?.manifests)
  const named = entries.filter(({ annotations }) => annotations?.[NAME] === reference)
  // Any other name, `@2` among them, is for who takes it to find.
  for (const entry of reference === undefined || named.length === 0 ? entries : named) follow(entry)
  return [...found]
}

/** @throws Failure `cli.file`, `image.archive`. */
export const readLayout = (path: string, reference: string | undefined): AsyncIterable<Uint8Array> => {
  const there = listDirectory(path)
  for (const name of LAYOUT_HEAD)
    if (!there.includes(name)) refuse(path, `${name} is missing`, `oci-archive:${path}, for a layout in a tar`)
  return readTar(path, [...LAYOUT_HEAD, ...findLinked(path, reference)])
}

const listDirectory = (path: string): string[] => {
  try {
    return readdirSync(path)
  } catch (error) {
    throw fileFailure(path, error)
  }
}

/** @throws Failure `cli.file`, `image.archive`. */
export const readDir = (path: string): AsyncIterable<Uint8Array> => {
  const names = listDirectory(path).filter((name) => DIR_FILE.test(name))
  if (!names.includes('manifest.json'))
    refuse(
      path,
      'manifest.json is missing',
      `oci:${path}, for a layout; glasspod from-dir ${path}, for a root directory`,
    )
  return readTar(path, names)
}

/** Into a directory of its own, and from there to its place when all is there; one that was made for it goes again. */
const EXTRACT = `dir=$1 new=$1/.glasspod-$2 made=
[ -d "$dir" ] || { mkdir -- "$dir" && made=yes; } || exit
mkdir -- "$new" && tar --extract --no-same-owner --no-same-permissions --directory="$new" && whole && place
code=$?
rm -rf -- "$new"
[ $code = 0 ] || [ -z "$made" ] || rmdir -- "$dir"
exit $code`

/** What another image left there goes; its manifest first, and ours comes last. */
const PLACE_DIR = `place() (
  cd "$dir" && rm -f manifest.json && find . -maxdepth 1 -type f -regextype posix-extended \\
    -regex '\\./(version|signature-[0-9]+|[0-9a-f]{64,128}(\\.manifest\\.json)?)' -delete || exit
  for file in "$new"/*; do
    [ "$file" = "$new/manifest.json" ] || mv -f -- "$file" . || exit
  done
  mv -f -- "$new/manifest.json" .
)
`

/** Blobs are added; in the index an entry of the same name, or of the same digest without one, is replaced. */
const PLACE_LAYOUT = `place() (
  exec 9<"$dir" && flock 9 && cd "$new" || exit
  find blobs -type f | while read -r file; do
    mkdir -p "$dir/\${file%/*}" && mv -f "$file" "$dir/$file" || exit
  done || exit
  cp oci-layout "$dir/oci-layout" || exit
  if [ -f "$dir/index.json" ]; then
    jq --slurp --compact-output '
      def name: .annotations["org.opencontainers.image.ref.name"] // "";
      .[1].manifests as $added | .[0] + {manifests: ([.[0].manifests[]? |
        select(. as $old | any($added[]; name == ($old | name) and (name != "" or .digest == $old.digest)) | not)] + $added)}
    ' "$dir/index.json" index.json >merged.json || exit
  else
    mv -f index.json merged.json || exit
  fi
  mv -f merged.json "$dir/index.json"
)
`

const openTree = (given: string, place: string, check: (names: readonly string[]) => void): Output => {
  const path = resolve(given)
  if (existsSync(path)) check(listDirectory(given))
  const { send, finish, giveUp } = startKeeper(given, place + EXTRACT, [path, `${process.pid}`])
  return { write: send, commit: finish, abandon: giveUp }
}

/** As skopeo: over another image, and over nothing else. @throws Failure `cli.file`. */
export const openDir = (path: string): Output =>
  openTree(path, PLACE_DIR, (names) => {
    if (names.length === 0 || names.includes('version')) return
    throw new Failure(`${path} is not empty, and no image is in it`, { id: 'cli.file', try: 'a directory of its own' })
  })

/** As skopeo: beside the images that are there. @throws Failure `cli.file`. */
export const openLayout = (path: string): Output =>
  openTree(path, PLACE_LAYOUT, (names) => {
    if (names.length === 0 || names.includes('oci-layout')) return
    throw new Failure(`${path} is not empty, and no OCI layout`, { id: 'cli.file', try: 'a directory of its own' })
  })
