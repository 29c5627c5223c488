/**
 * An archive of images on its way in, from a stream that is read once: its files under names of ours, in a directory
 * that a crash leaves as a leftover of the store. Manifests may come last, so nothing is judged before all is there.
 */
import { createReadStream, closeSync, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../../runtime/errors.ts'
import { decompress } from '../layer/decompress.ts'
import type { TarEntry } from '../layer/entry.ts'
import { openTar } from '../layer/tar-reader.ts'
import { temporaryName } from '../store/atomic-file.ts'
import { writeWhole } from '../store/write-whole.ts'

/** What its directory is called, in the words of a shell. */
export const STAGED = '$ARCHIVE'

interface StagedFile {
  readonly path: string
  size: number
}

/** More than any image has layers. */
const FILES_LIMIT = 10_000
const LINK_LIMIT = 8
const CHUNK = 1024 * 1024

export const badArchive = (found: string, why?: string): Failure =>
  new Failure('the archive is not one of images', {
    id: 'image.archive',
    why: why ?? 'docker-archive, oci-archive and dir are known, by what is in them',
    found,
    try: 'glasspod import, for the files of a root directory',
    status: 400,
  })

export class StagedFiles {
  readonly #directory: string
  readonly #files = new Map<string, StagedFile>()
  /** Links of older docker versions, for a layer that an image has twice. */
  readonly #links = new Map<string, string>()

  private constructor(directory: string) {
    this.#directory = directory
  }

  /** @param parent the store's directory. @throws Failure `image.archive`, `image.layer`; then nothing is left. */
  static async read(parent: string, chunks: AsyncIterable<Uint8Array>): Promise<StagedFiles> {
    const staged = new StagedFiles(temporaryName(join(parent, 'incoming')))
    await mkdir(staged.#directory, { mode: 0o700 })
    try {
      await decompress(chunks, (tar) => staged.#unpack(tar))
      return staged
    } catch (error) {
      await staged.remove()
      throw error
    }
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true })
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined
  }

  sizeOf(name: string): number {
    return this.#get(name).size
  }

  /** A small file, whole. */
  async read(name: string, limit: number): Promise<Buffer> {
    const { path, size } = this.#get(name)
    if (size > limit) throw badArchive(`${name} has ${size} bytes`, `such a file has at most ${limit}`)
    return readFile(path)
  }

  /** As an ImageSource gives a blob. */
  async *open(name: string): AsyncGenerator<Uint8Array, undefined> {
    yield* createReadStream(this.#get(name).path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>
    return undefined
  }

  #find(name: string): StagedFile | undefined {
    let at = name
    for (let links = 0; links <= LINK_LIMIT; links++) {
      const target = this.#links.get(at)
      if (target === undefined) return this.#files.get(at)
      at = target
    }
    return undefined
  }

  #get(name: string): StagedFile {
    const file = this.#find(name)
    if (file !== undefined) return file
    throw badArchive(`${name} is not in it`, 'another file of it leads there')
  }

  async #unpack(tar: AsyncIterable<Buffer>): Promise<void> {
    let descriptor: number | undefined
    const end = (): void => {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
    }
    const begin = ({ components, type, linkname, shown, sparse }: TarEntry): ((chunk: Uint8Array) => void) => {
      const name = components.join('/')
      if (type === 'directory') return () => undefined
      if (this.#files.size + this.#links.size >= FILES_LIMIT) throw badArchive(`more than ${FILES_LIMIT} files`)
      if (type === 'symlink' || type === 'link') {
        this.#links.set(name, resolveLink(type === 'link' ? [] : components.slice(0, -1), linkname, shown))
        return () => undefined
      }
      if (type !== 'file' || sparse !== undefined)
        throw badArchive(`${shown} is a ${sparse === undefined ? type : 'sparse file'}`)
      const file = { path: join(this.#directory, `${this.#files.size}`), size: 0 }
      this.#links.delete(name)
      this.#files.set(name, file)
      const opened = openSync(file.path, 'w', 0o600)
      descriptor = opened
      return (chunk) => {
        file.size += chunk.length
        writeWhole(opened, chunk)
      }
    }
    const reader = await openTar({ begin, end })
    try {
      for await (const chunk of tar) await reader.write(chunk)
      reader.end()
    } finally {
      end()
    }
  }
}

const resolveLink = (parent: readonly string[], target: string, shown: string): string => {
  const path = target.startsWith('/') ? [] : [...parent]
  for (const part of target.split('/').filter((name) => name !== '' && name !== '.'))
    if (part !== '..') path.push(part)
    else if (path.pop() === undefined) throw badArchive(`${shown} leads out of it`)
  return path.join('/')
}
