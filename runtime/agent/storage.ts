/**
 * What makes a container's root of its image's layers on this machine: overlay where a tiny one can be mounted and
 * deleted in, else a copy. Tried once in an agent's life, while it starts, with the calls that a container makes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { runCalls } from '../apply-marks.ts'
import { Failure, isFailure } from '../errors.ts'
import { calls } from '../init/call.ts'
import { AT_FDCWD } from '../init/uapi.ts'
import { findMount, parseMountinfo } from '../kernel/mountinfo.ts'
import { planPrivatePropagation } from '../kernel/mounts.ts'
import { planUnshare } from '../kernel/namespaces.ts'
import { planOverlay } from '../kernel/rootfs.ts'
import {
  parseStorageDriver,
  STORAGE_DRIVER_HEADER,
  STORAGE_DRIVER_VARIABLE,
  type StorageDriver,
} from '../spec/storage-drivers.ts'
import type { Paths } from './node.ts'

export interface Chosen {
  driver: StorageDriver
  why: string
}

export class Storage {
  private readonly paths: Paths
  private choice: Promise<Chosen> | undefined

  constructor({ paths }: { paths: Paths }) {
    this.paths = paths
  }

  /** @throws {Failure} where one is forced that does not work here */
  chosen(): Promise<Chosen> {
    this.choice ??= this.choose()
    this.choice.catch(() => (this.choice = undefined))
    return this.choice
  }

  /** For a client that may ask for one. @throws {Failure} where that is another one */
  async forClient(headers: IncomingHttpHeaders): Promise<StorageDriver> {
    const wanted = parseStorageDriver(headers[STORAGE_DRIVER_HEADER]?.toString())
    const { driver, why } = await this.chosen()
    if (wanted === undefined || wanted === driver) return driver
    throw new Failure(`the agent of ${this.paths.root} runs with the storage driver ${driver}, not with ${wanted}`, {
      id: 'storage.driver',
      why: 'it is chosen when the agent starts; containers that are there keep theirs',
      found: why,
      try: `glasspod agent stop, then glasspod --storage-driver ${wanted} agent start`,
      exitCode: 125,
      status: 409,
    })
  }

  /** Docker's pairs. */
  async describe(): Promise<[string, string][]> {
    const mount = findMount(parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')), this.paths.containers)
    return [
      ['Backing Filesystem', mount?.type ?? 'unknown'],
      ['Chosen', (await this.chosen()).why],
    ]
  }

  private async choose(): Promise<Chosen> {
    const forced = parseStorageDriver(process.env[STORAGE_DRIVER_VARIABLE])
    const byWhom = `--storage-driver or ${STORAGE_DRIVER_VARIABLE} asked for it`
    if (forced === 'copy') return { driver: 'copy', why: byWhom }
    const refusal = await this.tryOverlay()
    if (refusal === undefined)
      return { driver: 'overlay', why: forced === undefined ? 'a trial mount of overlay works' : byWhom }
    if (forced === undefined)
      return { driver: 'copy', why: `a trial mount of overlay does not work: ${refusal.message}` }
    throw new Failure(`the storage driver overlay does not work for ${this.paths.root}`, {
      ...refusal.facts,
      id: 'storage.driver',
      found: [refusal.message, refusal.facts.found].filter((text) => text !== undefined).join('; '),
      try: 'without --storage-driver, for one that works; or glasspod doctor rootfs.overlay',
      exitCode: 125,
    })
  }

  /** In a mount namespace that ends with the program; a deletion makes a device in the upper layer. */
  private async tryOverlay(): Promise<Failure | undefined> {
    const directory = `${this.paths.discarded}/trial-${process.pid}`
    const tree = {
      ...{ layersDir: directory, lower: ['lower'], links: `${directory}/links` },
      ...{ upper: `${directory}/upper`, work: `${directory}/work`, target: `${directory}/rootfs` },
    }
    try {
      for (const name of ['', '/lower', '/upper', '/work', '/rootfs']) mkdirSync(`${directory}${name}`, { mode: 0o700 })
      writeFileSync(`${directory}/lower/file`, '')
      const remove = calls('rootfs.overlay', 'unlink(2)')('unlinkat', [AT_FDCWD, `${directory}/rootfs/file`, 0])
      const inside = [...planUnshare(['mnt']), ...planPrivatePropagation(), ...planOverlay(tree), remove]
      await runCalls(inside, `${directory}/trial`)
      return undefined
    } catch (error) {
      if (isFailure(error)) return error
      throw error
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
