/** The image store as the agent uses it: opened when first needed, whiteouts made by a list of system calls. */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import type { Removal } from '../../images/store/removal.ts'
import type { Store } from '../../images/store/store.ts'
import type { Image } from '../../images/image.ts'
import type { LayerProgress } from '../../images/layer-fetch.ts'
import type { Mark } from '../../images/layer/whiteout.ts'
import { errnoOf, Failure } from '../errors.ts'
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD } from '../init/uapi.ts'
import { launchProgram } from '../launch.ts'
import { planFatal, planTellPid } from '../plan/monitor.ts'
import type { Node } from './node.ts'

/** Marks a program: each is one record of 96 bytes and its path. */
const MARKS_AT_ONCE = 2000

const planMarks = (marks: readonly Mark[]): Call[] => {
  const call = calls('layer.whiteout', 'mknod(2)')
  return [
    ...planTellPid(),
    ...marks.map(({ path, kind }) => {
      const where = { bytes: Buffer.concat([path, Buffer.alloc(1)]), shown: JSON.stringify(path.toString()) }
      return kind === 'whiteout'
        ? call('mknodat', [AT_FDCWD, where, { name: 'S_IFCHR', value: 0o020000 }, 0])
        : call('setxattr', [where, 'user.overlay.opaque', 'y', 1, 0])
    }),
    call('exit_group', [0]),
    ...planFatal(),
  ]
}

export class Images {
  private readonly node: Node
  private opened: Promise<Store> | undefined
  private known: Promise<readonly Image[]> | undefined

  constructor(node: Node) {
    this.node = node
  }

  store(): Promise<Store> {
    this.opened ??= import('../../images/store/store.ts').then(({ Store }) =>
      Store.open(this.node.paths.images, { layers: this.node.paths.layers }),
    )
    this.opened.catch(() => (this.opened = undefined))
    return this.opened
  }

  /** Every image, read once until one comes or goes: the agent is the store's only writer. */
  async list(): Promise<readonly Image[]> {
    this.known ??= this.store().then((store) => store.list())
    this.known.catch(() => (this.known = undefined))
    return this.known
  }

  async find(word: string): Promise<Image> {
    const [{ findImage }, images] = await Promise.all([import('../../images/store/find.ts'), this.list()])
    return findImage(images, word)
  }

  async remove(word: string, force: boolean): Promise<Removal> {
    try {
      return await (await this.store()).remove(word, { force })
    } finally {
      this.known = undefined
    }
  }

  async pull(
    word: string,
    platform: string | undefined,
    onProgress: (progress: LayerProgress) => void,
  ): Promise<Image> {
    const [{ pull }, { parsePlatform }] = await Promise.all([
      import('../../images/pull.ts'),
      import('../../images/platform.ts'),
    ])
    try {
      const { image } = await pull(await this.store(), word, {
        onProgress,
        idLimit: this.node.host.mappedIds,
        applyMarks: (marks) => this.applyMarks(marks),
        ...(platform === undefined ? {} : { platform: parsePlatform(platform) }),
      })
      return image
    } finally {
      this.known = undefined
    }
  }

  private async applyMarks(marks: readonly Mark[]): Promise<void> {
    for (let at = 0; at < marks.length; at += MARKS_AT_ONCE)
      await launchProgram({
        prefix: [],
        calls: planMarks(marks.slice(at, at + MARKS_AT_ONCE)),
        file: `${this.node.paths.layers}/.marks-${process.pid}-${at}`,
      })
  }

  /** Close to a clean end: lets another agent have the store. */
  async close(): Promise<void> {
    if (this.opened !== undefined) await (await this.opened).close()
  }
}

/** More than any passwd or group file needs. */
const FILE_LIMIT = 4 * 1024 * 1024

/**
 * A file of the container's root as overlay would show it, without mounting: the uppermost directory that has it. Links
 * are not followed, since they could lead out, and hide what is below them as anything else does. Each name is looked up
 * below the descriptor of the last one: a container may swap them while we look.
 */
export const readLayeredFile = (directories: readonly string[], path: string): string | undefined => {
  const parts = path.split('/').filter((name) => name !== '')
  for (const directory of directories) {
    const found = readBelow(directory, parts, path)
    if (found !== undefined) return found.text
  }
  return undefined
}

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = constants

/** Undefined: this layer has nothing at that place. No text: it has, and it is no file. */
const readBelow = (directory: string, parts: readonly string[], path: string): { text?: string } | undefined => {
  let at: number | undefined
  try {
    at = openSync(directory, O_RDONLY | O_DIRECTORY)
    for (const [index, part] of parts.entries()) {
      const last = index === parts.length - 1
      const next = `/proc/self/fd/${at}/${part}`
      const stat = lstatSync(next, { throwIfNoEntry: false })
      if (stat === undefined) return undefined
      if (last ? !stat.isFile() : !stat.isDirectory()) return {}
      const opened = openSync(next, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | (last ? 0 : O_DIRECTORY))
      closeSync(at)
      at = opened
    }
    const { size } = fstatSync(at)
    if (size > FILE_LIMIT) throw new Failure(`${path} of the image has ${size} bytes`, { id: 'user.file' })
    const bytes = Buffer.alloc(size)
    return { text: bytes.toString('utf8', 0, readSync(at, bytes)) }
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return undefined
    if (errno === 'ELOOP' || errno === 'ENOTDIR' || errno === 'ENXIO') return {}
    throw error
  } finally {
    if (at !== undefined) closeSync(at)
  }
}
