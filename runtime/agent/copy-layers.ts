/**
 * The layers of an image as one directory that a container has to itself, where nothing can mount them as one. cp(1)
 * copies a layer: owners, modes, times, extended attributes, hard links and holes, as reflinks (FICLONE) where the
 * filesystem has them. What a layer deletes or replaces goes before; its marks are overlayfs's (layer-marks.ts).
 */
import { mkdirSync } from 'node:fs'
import { lstat, readdir, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Failure } from '../errors.ts'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD } from '../init/uapi.ts'
import { pathOperand, type Mark } from '../kernel/layer-marks.ts'
import { applyMarks, applyToFiles } from '../apply-marks.ts'
import { runProgram } from '../rootless/run-program.ts'

/** Names in a layer are bytes, and need not be UTF-8. */
interface LayerEntries {
  directories: Buffer[]
  others: Buffer[]
  whiteouts: Buffer[]
}

const OPAQUE = 'user.overlay.opaque'
/** Nanoseconds. */
const SECOND = 1_000_000_000n
const SLASH = Buffer.from('/')
const below = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, SLASH, name])
const parentOf = (path: Buffer): Buffer => path.subarray(0, path.lastIndexOf('/'))
const at = (directory: string, path: Buffer): Buffer => Buffer.concat([Buffer.from(directory), path])

/** Paths from the layer on, each with a slash before it; a directory before what is in it. */
const readEntries = async (layer: string): Promise<LayerEntries> => {
  const found: LayerEntries = { directories: [Buffer.alloc(0)], others: [], whiteouts: [] }
  for (const directory of found.directories)
    for (const entry of await readdir(at(layer, directory), { encoding: 'buffer', withFileTypes: true })) {
      const path = below(directory, entry.name)
      if (entry.isDirectory()) found.directories.push(path)
      // a layer has no other devices: those of images are placeholders
      else if (entry.isCharacterDevice()) found.whiteouts.push(path)
      else found.others.push(path)
    }
  return found
}

/** Those of the directories that hide what the layers below have in theirs: each found one is a name in `scratch`. */
const findOpaque = async (layer: string, directories: readonly Buffer[], scratch: string): Promise<Buffer[]> => {
  if (directories.length === 0) return []
  mkdirSync(scratch)
  try {
    const asked = directories.map((path, index) => ({ path: at(layer, path), answer: `${scratch}/${index}` }))
    await applyToFiles(asked, (items) => items.flatMap(planAsk), dirname(scratch))
    const names = new Set(await readdir(scratch))
    return directories.filter((_, index) => names.has(`${index}`))
  } finally {
    await rm(scratch, { recursive: true })
  }
}

/** A program tells what a call answered by what it does next. */
const planAsk = ({ path, answer }: { path: Buffer; answer: string }): Call[] => {
  const call = calls('layer.opaque', 'getxattr(2)')
  return [
    call('lgetxattr', [pathOperand(path), OPAQUE, { at: 'value' }, 8], '', { tolerate: 'any', onError: answer }),
    call('mkdirat', [AT_FDCWD, answer, 0o700]),
    // to what comes next, also where there was no such attribute
    call('close', [-1], '', { tolerate: 'any', label: answer }),
  ]
}

const kindOf = async (path: Buffer): Promise<'directory' | 'other' | undefined> => {
  const stats = await lstat(path).catch(() => undefined)
  if (stats === undefined) return undefined
  return stats.isDirectory() ? 'directory' : 'other'
}

const remove = (path: Buffer): Promise<void> => rm(path, { recursive: true, force: true })

export interface CopyLayers {
  /** Absolute, the lowest first. */
  layers: readonly string[]
  /** A directory that is there. */
  target: string
  /** For files that are gone afterwards; not there yet. */
  scratch: string
}

/** Carries a container's layers into its own directory. @throws {Failure} with what cp(1) said */
export const copyLayers = async ({ layers, target, scratch }: CopyLayers): Promise<void> => {
  for (const layer of layers) await copyLayer({ layer, target, scratch })
}

const copyLayer = async ({ layer, target, scratch }: Omit<CopyLayers, 'layers'> & { layer: string }): Promise<void> => {
  const { directories, others, whiteouts } = await readEntries(layer)
  const shared: Buffer[] = []
  for (const path of directories) {
    const kind = await kindOf(at(target, path))
    if (kind === 'directory') shared.push(path)
    else if (kind === 'other') await remove(at(target, path))
  }
  for (const path of await findOpaque(layer, shared, scratch))
    for (const name of await readdir(at(target, path), { encoding: 'buffer' }))
      await remove(below(at(target, path), name))
  // Also a file by a file: cp would write into it, and so into its other names.
  for (const path of [...others, ...whiteouts]) await remove(at(target, path))
  await copyTree(layer, target)
  await forgetMarks({ layer, target, scratch, directories, whiteouts })
}

const copyTree = async (layer: string, target: string): Promise<void> => {
  const argv = ['cp', '--archive', '--reflink=auto', '--', `${layer}/.`, target]
  const { code, said } = await runProgram(argv, { ...process.env, LC_ALL: 'C' })
  if (code === 0) return
  throw new Failure(`copy the layer ${layer} to ${target}: ${said.split('\n')[0] ?? ''}`, {
    id: 'container.copy',
    why: 'with the storage driver copy each container has all layers to itself',
    try: 'df -h, and: glasspod info, which says why no overlay is used',
    see: 'cp(1)',
  })
}

interface Copied {
  layer: string
  target: string
  scratch: string
  directories: readonly Buffer[]
  whiteouts: readonly Buffer[]
}

/** The marks were for overlayfs. Their directories keep their time. */
const forgetMarks = async ({ layer, target, scratch, directories, whiteouts }: Copied): Promise<void> => {
  for (const path of whiteouts) await remove(at(target, path))
  const changed = new Map(whiteouts.map((path) => [parentOf(path).toString('latin1'), parentOf(path)]))
  const times: Mark[] = []
  for (const path of changed.values()) {
    const { mtimeNs } = await lstat(at(layer, path), { bigint: true })
    const nanoseconds = Number(((mtimeNs % SECOND) + SECOND) % SECOND)
    const seconds = Number((mtimeNs - BigInt(nanoseconds)) / SECOND)
    times.push({ kind: 'time', path: at(target, path), seconds, nanoseconds })
  }
  const directory = dirname(scratch)
  await applyMarks(times, directory)
  const call = calls('layer.opaque', 'removexattr(2)')
  const planForget = (paths: readonly Buffer[]): Call[] =>
    paths.map((path) => call('lremovexattr', [pathOperand(at(target, path)), OPAQUE], '', { tolerate: 'any' }))
  await applyToFiles(directories, planForget, directory)
}
