/** The image store as the agent uses it: opened when first needed, whiteouts made by a list of system calls. */
import { closeSync, constants, existsSync, fstatSync, lstatSync, openSync, readSync, statSync } from 'node:fs'
import type { Removal, Users } from '../../images/store/removal.ts'
import type { Store } from '../../images/store/store.ts'
import type { Image } from '../../images/image.ts'
import { overlayLayers } from '../../images/snapshot.ts'
import type { UnpackThreads } from '../../images/layer/threads.ts'
import type { Losses, UnpackOptions } from '../../images/layer/unpack.ts'
import type { Transport } from '../../images/transport.ts'
import { applyMarks } from '../apply-marks.ts'
import type { SharedTakes, TakeOptions, TakePart } from '../../images/take-image.ts'
import { errnoOf, Failure } from '../errors.ts'
import { executeSteps, type Watch } from '../execute.ts'
import {
  ARCHIVE,
  planArchive,
  planImageConfig,
  planImageName,
  planImageRemoval,
  planLayers,
  planManifest,
} from '../plan/pull.ts'
import type { Step } from '../plan/step.ts'
import { quoteWord } from '../spec/shell-words.ts'
import type { Node } from './node.ts'

/** Changes whenever a file does; empty where there is none. */
const stampOf = (path: string): string => {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? '' : `${stats.ino} ${stats.mtimeNs} ${stats.size}`
}

export interface Unpacked {
  readonly image: Image
  readonly losses?: Losses
}

export class Images {
  private readonly node: Node
  private opened: Promise<Store> | undefined
  private known: { readonly stamp: string; readonly images: Promise<readonly Image[]> } | undefined
  private readonly users: () => Users
  private taking: Promise<SharedTakes> | undefined
  private threads: Promise<UnpackThreads> | undefined

  /** @param users asked before anything is removed */
  constructor(node: Node, users: () => Users) {
    this.node = node
    this.users = users
  }

  store(): Promise<Store> {
    this.opened ??= import('../../images/store/store.ts').then(({ Store }) =>
      Store.open(this.node.paths.images, { layers: this.node.paths.layers, users: this.users }),
    )
    this.opened.catch(() => (this.opened = undefined))
    return this.opened
  }

  /** Every image, read once until one comes or goes: by this agent, or by another program that writes the layout. */
  async list(): Promise<readonly Image[]> {
    const stamp = stampOf(`${this.node.paths.images}/index.json`)
    if (this.known?.stamp !== stamp) {
      const images = this.store().then((store) => store.list())
      this.known = { stamp, images }
      images.catch(() => (this.known = undefined))
    }
    return this.known.images
  }

  /**
   * As find has it, its layers unpacked: what another program put into the layout has blobs only. With what they lost now.
   * @throws {Failure} `image.owner` without `squash`, `image.cancelled` when the signal comes before the end
   */
  async findUnpacked(word: string, options: Pick<TakeOptions, 'signal' | 'squash'> = {}): Promise<Unpacked> {
    const image = await this.find(word)
    const directories = overlayLayers({ layersDirectory: this.node.paths.layers }, image)
    if (directories.every((path) => existsSync(path))) return { image }
    const [{ unpackStored }, store, shared] = await Promise.all([
      import('../../images/take-image.ts'),
      this.store(),
      this.takes(),
    ])
    return { image, losses: await unpackStored(store, image, { ...this.unpackOptions(), ...options, shared }) }
  }

  /** What all that are on their way at the same time have in common. */
  takes(): Promise<SharedTakes> {
    return (this.taking ??= import('../../images/take-image.ts').then(({ SharedTakes }) => new SharedTakes()))
  }

  /** A whole id, as records have it, is found before anything is loaded or read. */
  async find(word: string): Promise<Image> {
    const images = await this.list()
    const known = images.find(({ id }) => id === word)
    if (known !== undefined) return known
    const { findImage } = await import('../../images/store/find.ts')
    return findImage(images, await this.nameMeant(word))
  }

  /** A short name as registries.conf reads it, where such an image is here; else the word itself. */
  async nameMeant(word: string): Promise<string> {
    const [images, { namesMeant }, { readRegistriesConf }, { formatReference }] = await Promise.all([
      this.list(),
      import('../../images/registry/short-names.ts'),
      import('../../images/registry/read-registries-conf.ts'),
      import('../../images/reference.ts'),
    ])
    const names = new Set(images.flatMap((image) => image.names))
    if (names.has(word)) return word
    const conf = await readRegistriesConf({ env: process.env })
    return (
      namesMeant(word, conf)
        .map(formatReference)
        .find((name) => names.has(name)) ?? word
    )
  }

  /** What `remove` would do. @throws Failure as it does */
  async planRemoval(word: string, force: boolean): Promise<Step[]> {
    await (await this.store()).planRemoval(await this.nameMeant(word), { force })
    return [planImageRemoval(word, this.node.paths.images, this.node.paths.layers)]
  }

  async remove(word: string, force: boolean, watch?: Watch): Promise<Removal> {
    const name = await this.nameMeant(word)
    let removal: Removal = { untagged: [], deleted: [] }
    const effect = async () => {
      removal = await this.changing((store) => store.remove(name, { force }))
      return undefined
    }
    const { images, layers } = this.node.paths
    await executeSteps([planImageRemoval(word, images, layers)], { effects: { 'image.remove': effect }, watch })
    return removal
  }

  async tag(word: string, name: string): Promise<void> {
    const source = await this.find(word)
    // by digest: of two images with one id this one is meant
    await this.changing((store) => store.nameAlso(source.digest, name))
  }

  /** What an unpack needs to know of this node. */
  unpackOptions(): UnpackOptions & Pick<TakeOptions, 'unpacker'> {
    return {
      idLimit: this.node.host.mappedIds,
      applyMarks: (marks) => applyMarks(marks, this.node.paths.layers),
      unpacker: async (layer) => (await this.unpackThreads()).unpack(layer),
    }
  }

  /** Their program lies beside the agent's. */
  private unpackThreads(): Promise<UnpackThreads> {
    return (this.threads ??= import('../../images/layer/threads.ts').then(
      ({ UnpackThreads }) => new UnpackThreads(`${__dirname}/unpack.cjs`),
    ))
  }

  /** Work that may bring images: afterwards the list is read anew. */
  async changing<T>(work: (store: Store) => Promise<T>): Promise<T> {
    try {
      return await work(await this.store())
    } finally {
      this.known = undefined
    }
  }

  /** Each part of a take as the step that it is. */
  around(watch: Watch | undefined): NonNullable<TakeOptions['around']> {
    const plan = (part: TakePart): Step => {
      switch (part.part) {
        case 'archive':
          return planArchive(this.node.paths.images)
        case 'manifest':
          return planManifest(part.from)
        case 'config':
          return planImageConfig(part.from, this.node.paths.images)
        case 'layers':
          return planLayers(part.layers, this.node.paths.layers)
        case 'name':
          return planImageName(part.name, part.digest, this.node.paths.images)
      }
    }
    return async <T>(part: TakePart, work: () => Promise<T>): Promise<T> => {
      const done: T[] = []
      const effect = async () => {
        done.push(await work())
        return undefined
      }
      await executeSteps([plan(part)], { effects: { 'image.part': effect }, watch })
      return done[0] as T
    }
  }

  /** What a pull would do; nothing is asked of any registry, and no archive is opened. */
  async planPull(word: string): Promise<Step[]> {
    const [{ expandName }, { readRegistriesConf }, { placesOf }, { whereAt }, { formatReference }, { parseTransport }] =
      await Promise.all([
        import('../../images/registry/short-names.ts'),
        import('../../images/registry/read-registries-conf.ts'),
        import('../../images/registry/registries-conf.ts'),
        import('../../images/registry/source.ts'),
        import('../../images/reference.ts'),
        import('../../images/transport.ts'),
      ])
    const transport = parseTransport(word)
    if (transport.transport !== 'docker')
      return this.planArchived(
        fillOf(transport),
        transport.transport.startsWith('oci') ? 'index.json' : 'manifest.json',
      )
    const { layers, images } = this.node.paths
    const conf = await readRegistriesConf({ env: process.env })
    const [reference] = expandName(transport.name, conf)
    const [place] = reference === undefined ? [] : placesOf(conf, reference)
    if (reference === undefined || place === undefined) return []
    const where = (blob?: string) => whereAt(place, reference, blob)
    return [
      planManifest(where()),
      planImageConfig(where('$CONFIG'), images),
      planLayers([{ from: where('$LAYER'), diffId: '$DIFF_ID' }], layers),
      planImageName(formatReference(reference), '$MANIFEST', images),
    ]
  }

  /** What a load would do. @param file undefined: standard input. Which form it has, only its files tell. */
  planLoad(file: string | undefined): Step[] {
    return this.planArchived(file === undefined ? undefined : untar(quoteWord(file)), '$TOP')
  }

  /** @param top the file of the archive that leads on */
  private planArchived(fill: string | undefined, top: string): Step[] {
    const { layers, images } = this.node.paths
    return [
      planArchive(images, fill),
      planManifest(`${ARCHIVE}/${top}`),
      planImageConfig(`${ARCHIVE}/$CONFIG`, images),
      planLayers([{ from: `${ARCHIVE}/$LAYER`, diffId: '$DIFF_ID' }], layers),
      planImageName('$NAME', '$MANIFEST', images),
    ]
  }

  /** Close to a clean end: lets another agent have the store. */
  async close(): Promise<void> {
    if (this.opened !== undefined) await (await this.opened).close()
  }
}

const untar = (path: string): string => `tar -x -f ${path} -C ${ARCHIVE}`

/** How a shell would come to what is sent. */
const fillOf = (transport: Transport): string => {
  if ('name' in transport) return `docker save ${quoteWord(transport.name)} | tar -x -C ${ARCHIVE}`
  const path = quoteWord(transport.path)
  return transport.transport.endsWith('-archive') ? untar(path) : `cp -a ${path}/. ${ARCHIVE}`
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
