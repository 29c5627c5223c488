/**
 * Which layer of an image owns a path: what each layer's archive says of it, and what overlayfs would show. Links in
 * directories on the way are followed, below the image's root; the path's own link is not.
 */
import { createReadStream } from 'node:fs'
import { Failure } from '../runtime/errors.ts'
import type { Digest } from './digest.ts'
import type { Image } from './image.ts'
import { decompress } from './layer/decompress.ts'
import { splitPath, type TarEntry } from './layer/entry.ts'
import { openTar } from './layer/tar-reader.ts'
import { classifyName } from './layer/whiteout.ts'

/** What one layer does at a path: it has something there, or it deletes what lower layers have. */
export interface Trace {
  readonly type: TarEntry['type'] | 'deleted' | 'opaque'
  readonly size: number
  readonly linkname: string
}

/** By path, its components joined with `/`. */
export type Traces = ReadonlyMap<string, readonly Trace[]>

export interface PathOwner {
  /** As it is found behind the links on the way. */
  readonly path: string
  /** The lowest layer first; those that say nothing of it are left out. */
  readonly layers: readonly { readonly digest: Digest; readonly does: Trace['type']; readonly size: number }[]
  /** The layer whose content a container sees; none where nothing is there, or it was deleted. */
  readonly owner?: Digest
}

const LINK_LIMIT = 40

/** All that a layer says of these paths, in the order of its entries. */
export const readTraces = async (tar: AsyncIterable<Uint8Array>, paths: ReadonlySet<string>): Promise<Traces> => {
  const traces = new Map<string, Trace[]>()
  const note = (path: string, trace: Trace): void => {
    if (paths.has(path)) traces.set(path, [...(traces.get(path) ?? []), trace])
  }
  let current: { path: string; trace: { type: TarEntry['type']; size: number; linkname: string } } | undefined
  const begin = ({ components, type, linkname, sparse }: TarEntry): ((chunk: Uint8Array) => void) => {
    const parent = components.slice(0, -1)
    const name = classifyName(components)
    if (name.kind === 'whiteout') note([...parent, name.hidden].join('/'), { type: 'deleted', size: 0, linkname })
    if (name.kind === 'opaque') note(parent.join('/'), { type: 'opaque', size: 0, linkname })
    if (name.kind !== 'plain') return () => undefined
    const trace = { type, size: sparse?.size ?? 0, linkname }
    current = { path: components.join('/'), trace }
    return (chunk) => {
      if (sparse === undefined) trace.size += chunk.length
    }
  }
  const end = (): void => {
    if (current !== undefined) note(current.path, current.trace)
    current = undefined
  }
  await decompress(tar, async (chunks) => {
    const reader = await openTar({ begin, end })
    for await (const chunk of chunks) await reader.write(chunk)
    reader.end()
  })
  return traces
}

interface Found {
  readonly at: number
  readonly trace: Trace
}

interface Seen {
  /** The highest layer that has something there. */
  readonly found: Found | undefined
  /** The lowest layer that shows through below it. */
  readonly floor: number
}

const isPlain = ({ type }: Trace): boolean => type !== 'deleted' && type !== 'opaque'

/** Directories are merged from the top down to the first layer that deletes what is below, is opaque, or has no directory. */
const seeAt = (layers: readonly Traces[], path: string, floor: number): Seen => {
  let found: Found | undefined
  for (let at = layers.length - 1; at >= floor; at--) {
    const said = layers[at]?.get(path) ?? []
    const trace = said.findLast(isPlain)
    if (trace !== undefined && trace.type !== 'directory')
      return found === undefined ? { found: { at, trace }, floor: at } : { found, floor: at + 1 }
    if (trace !== undefined) found ??= { at, trace }
    // What the same layer has there counts, wherever in its archive the whiteout stands.
    if (!said.every(isPlain)) return { found, floor: at }
  }
  return { found, floor }
}

/** Or where a link on the way leads to, which the traces do not tell of. */
const walk = (
  layers: readonly Traces[],
  wanted: readonly string[],
): { readonly found: Found | undefined } | { readonly leadsTo: readonly string[] } => {
  let floor = 0
  let found: Found | undefined
  for (let length = 1; length <= wanted.length; length++) {
    const path = wanted.slice(0, length).join('/')
    ;({ found, floor } = seeAt(layers, path, floor))
    const rest = wanted.slice(length)
    if (rest.length === 0) break
    if (found?.trace.type === 'symlink')
      return { leadsTo: resolveLink(wanted.slice(0, length - 1), found.trace.linkname, rest) }
    // A directory that no archive names is made by what lies in it.
    if (found !== undefined && found.trace.type !== 'directory') return { found: undefined }
  }
  return { found }
}

const resolveLink = (parent: readonly string[], target: string, rest: readonly string[]): readonly string[] => {
  const start = target.startsWith('/') ? [] : [...parent]
  for (const part of target.split('/').filter((name) => name !== '' && name !== '.'))
    if (part === '..') start.pop()
    else start.push(part)
  return [...start, ...rest]
}

/** @param read the traces of each layer, the lowest first. @throws Failure `image.path`. */
export const findOwner = async (
  image: Pick<Image, 'layers'>,
  path: string,
  read: (paths: ReadonlySet<string>) => Promise<readonly Traces[]>,
): Promise<PathOwner> => {
  if (!path.startsWith('/'))
    throw new Failure(`${path} is not a path from the image's root`, { id: 'image.path', try: `/${path}`, status: 400 })
  let wanted = splitPath(Buffer.from(path).toString('latin1'), JSON.stringify(path))
  for (let links = 0; links <= LINK_LIMIT; links++) {
    const paths = new Set(wanted.map((_, at) => wanted.slice(0, at + 1).join('/')))
    const traces = await read(paths)
    const seen = walk(traces, wanted)
    if ('leadsTo' in seen) {
      wanted = seen.leadsTo
      continue
    }
    const own = wanted.join('/')
    const owner = seen.found === undefined ? undefined : image.layers[seen.found.at]?.digest
    return {
      path: `/${Buffer.from(own, 'latin1').toString('utf8')}`,
      layers: image.layers.flatMap(({ digest }, at) => {
        const said = traces[at]?.get(own)?.at(-1)
        return said === undefined ? [] : [{ digest, does: said.type, size: said.size }]
      }),
      ...(owner !== undefined && { owner }),
    }
  }
  throw new Failure(`${path} leads through more than ${LINK_LIMIT} links`, { id: 'image.path', status: 400 })
}

/** From the blobs of an image. */
export const readImageTraces =
  (store: { blobPath(digest: Digest): string }, { layers }: Pick<Image, 'layers'>) =>
  async (paths: ReadonlySet<string>): Promise<readonly Traces[]> => {
    const traces: Traces[] = []
    for (const { digest } of layers) {
      const file = createReadStream(store.blobPath(digest), { highWaterMark: 1024 * 1024 })
      traces.push(await readTraces(file, paths))
    }
    return traces
  }
