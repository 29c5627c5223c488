/**
 * Pulling an image of the size that people pull. The stores are on tmpfs where there is one: what a disk does with the
 * same tree differs by more than the programs do.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildLargeImage } from '../../test/fixtures/large-image.ts'
import { pushLayout } from '../../test/fixtures/registry.ts'
import { endAll, makeField } from './contestants.ts'
import type { Row } from './rows.ts'
import type { Job } from './timing.ts'

export const PULL_TITLE = '`pull` of 110 MB in 4 layers'

/** The large image, and as much for each of two stores, unpacked, beside what a pull needs meanwhile. */
const ROOM = 2 * 1024 ** 3
const SHARED_MEMORY = '/dev/shm'
const TMPFS_MAGIC = 0x01021994

const findRoom = (): string => {
  try {
    const { type, bavail, bsize } = statfsSync(SHARED_MEMORY)
    return type === TMPFS_MAGIC && bavail * bsize > ROOM ? SHARED_MEMORY : tmpdir()
  } catch {
    return tmpdir()
  }
}

export interface PullRow {
  row: Row
  /** @returns what did not end. */
  end: () => Promise<string[]>
}

/** Pushes the image to the registry at `host`. */
export const makePullRow = async (host: string): Promise<PullRow> => {
  const work = mkdtempSync(join(findRoom(), 'gb-'))
  const layout = join(work, 'layout')
  mkdirSync(layout)
  buildLargeImage(layout)
  const image = `${host}/large:1`
  await pushLayout(layout, image)
  rmSync(layout, { recursive: true })
  const field = makeField(work, image)
  const { glasspod, podman, asGlasspod, asPodman } = field
  const jobs: Job[] = [
    { contestant: glasspod, timed: [asGlasspod('pull', '-q', image)], undo: [asGlasspod('rmi', image)] },
    {
      contestant: podman,
      timed: [asPodman('pull', '-q', '--tls-verify=false', image)],
      undo: [asPodman('rmi', image)],
    },
  ]
  const end = async (): Promise<string[]> => {
    const failures = await endAll(field)
    rmSync(work, { recursive: true, force: true })
    return failures
  }
  return { row: { title: PULL_TITLE, jobs, rounds: 5, goal: { share: 1 / 2, of: 'podman' } }, end }
}
