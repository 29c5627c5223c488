/**
 * What makes a container's root of its image's layers on this machine: overlay where a tiny one can be mounted and
 * deleted in, else fuse-overlayfs likewise, else a copy. Tried once in an agent's life, while it starts, with the calls
 * that a container makes.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingHttpHeaders } from 'node:http'
import { runCalls } from '../apply-marks.ts'
import { Failure, isFailure } from '../errors.ts'
import { calls } from '../init/call.ts'
import { AT_FDCWD } from '../init/uapi.ts'
import { findIn } from '../kernel/executables.ts'
import { findMount, parseMountinfo } from '../kernel/mountinfo.ts'
import { planOwnMounts } from '../kernel/mounts.ts'
import { planOverlay } from '../kernel/rootfs.ts'
import { FUSE_OVERLAYFS, planServeHere } from '../plan/fuse.ts'
import { withSbin } from '../rootless/environment.ts'
import {
  parseStorageDriver,
  STORAGE_DRIVER_HEADER,
  STORAGE_DRIVER_VARIABLE,
  STORAGE_DRIVERS,
  type StorageDriver,
} from '../spec/storage-drivers.ts'
import type { Paths } from './node.ts'

export interface Chosen {
  driver: StorageDriver
  why: string
}

/** @throws {Failure} where there is none */
export const requireFuseOverlayfs = (): string => {
  const path = withSbin(process.env['PATH'])
  const program = findIn(path.split(':'), FUSE_OVERLAYFS)
  if (program !== undefined) return program
  throw new Failure(`there is no ${FUSE_OVERLAYFS} in ${path}`, {
    id: 'rootfs.fuse',
    why: 'the storage driver of that name has it answer for the root of each container, as long as that runs',
    try: `sudo apt-get install ${FUSE_OVERLAYFS}`,
    see: 'docs/images.md#storage-drivers',
    exitCode: 125,
  })
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
    if (forced !== undefined) {
      const refusal = await this.refusalOf(forced)
      if (refusal !== undefined) throw describeForced(forced, this.paths.root, refusal)
      return { driver: forced, why: `--storage-driver or ${STORAGE_DRIVER_VARIABLE} asked for it` }
    }
    const refused: string[] = []
    for (const driver of STORAGE_DRIVERS) {
      const refusal = await this.refusalOf(driver)
      if (refusal === undefined) {
        const works = driver === 'copy' ? [] : [`a trial mount of ${driver} works`]
        return { driver, why: [...refused, ...works].join('; ') }
      }
      refused.push(`a trial mount of ${driver} does not work: ${refusal.message}`)
    }
    throw new Error('a copy needs no trial')
  }

  private async refusalOf(driver: StorageDriver): Promise<Failure | undefined> {
    try {
      if (driver !== 'copy') await this.tryToMount(driver)
      return undefined
    } catch (error) {
      if (isFailure(error)) return error
      throw error
    }
  }

  /** In a mount namespace that ends with the program; a deletion makes a device in the upper layer. */
  private async tryToMount(driver: Exclude<StorageDriver, 'copy'>): Promise<void> {
    const directory = `${this.paths.discarded}/trial-${process.pid}`
    const tree = {
      ...{ layersDir: directory, lower: ['lower'], links: `${directory}/links` },
      ...{ upper: `${directory}/upper`, work: `${directory}/work`, target: `${directory}/rootfs` },
    }
    const planned =
      driver === 'overlay'
        ? [...planOwnMounts(), ...planOverlay(tree)]
        : planServeHere({ ...tree, program: requireFuseOverlayfs() })
    try {
      for (const name of ['', '/lower', '/upper', '/work', '/rootfs']) mkdirSync(`${directory}${name}`, { mode: 0o700 })
      writeFileSync(`${directory}/lower/file`, '')
      const remove = calls('rootfs.trial', 'unlink(2)')('unlinkat', [AT_FDCWD, `${directory}/rootfs/file`, 0])
      await runCalls([...planned, remove], `${directory}/trial`)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}

const describeForced = (driver: StorageDriver, root: string, { message, facts }: Failure): Failure =>
  new Failure(`the storage driver ${driver} does not work for ${root}`, {
    ...facts,
    id: 'storage.driver',
    found: [message, facts.found].filter((text) => text !== undefined).join('; '),
    try: [facts.try, `without --storage-driver, for one that works; or glasspod doctor ${facts.id}`]
      .filter((text) => text !== undefined)
      .join('; '),
    exitCode: 125,
  })
