import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { isFailure } from '../../../runtime/errors.ts'
import {
  checkLimits,
  killAll,
  readControllers,
  readMembers,
  readTree,
  removeTree,
} from '../../../runtime/kernel/cgroups/leaf.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

/** A directory with files of these names, as cgroupfs would have them. */
const fake = (files: Record<string, string>): string => {
  const directory = fresh()
  mkdirSync(directory)
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text)
  return directory
}
const factsOf = (act: () => void) => {
  try {
    act()
  } catch (error) {
    if (isFailure(error)) return { message: error.message, ...error.facts }
    throw error
  }
  return undefined
}

describe('a limit', () => {
  const memory = { memory: { limit: 64, swap: 64 } }

  it('is enforced where the controller is there, and none needs nothing', () => {
    expect(factsOf(() => checkLimits(fake({ 'cgroup.controllers': 'cpu memory pids\n' }), memory))).toBe(undefined)
    expect(factsOf(() => checkLimits(undefined, {}))).toBe(undefined)
  })

  it('is refused by name where it is not', () => {
    expect(factsOf(() => checkLimits(fake({ 'cgroup.controllers': 'hugetlb\n' }), memory))).toMatchObject({
      message: 'memory.max = 64 cannot be enforced here',
      id: 'cgroups.memory',
      exitCode: 125,
      found: expect.stringMatching(/^the memory controller is /) as string,
    })
    expect(factsOf(() => checkLimits(undefined, { pids: { limit: 1 } }))).toMatchObject({
      id: 'cgroups.pids',
      found: 'no cgroup directory is delegated to this user',
    })
  })

  it('is not had by a name that another begins with', () => {
    expect(factsOf(() => checkLimits(fake({ 'cgroup.controllers': 'cpuset' }), { cpu: { quota: 1 } }))?.id).toBe(
      'cgroups.cpu',
    )
  })
})

describe('a directory', () => {
  it('has the controllers that its file names', () => {
    expect(readControllers(fake({ 'cgroup.controllers': 'cpu memory\n' }))).toEqual(['cpu', 'memory'])
    expect(readControllers(fake({ 'cgroup.controllers': '\n' }))).toEqual([])
    expect(readControllers(fresh())).toEqual([])
  })
})

describe('the tree', () => {
  it('is what the files say, without what says nothing', () => {
    const root = fake({ 'cgroup.procs': '', 'memory.max': 'max\n', 'pids.current': '3\n' })
    mkdirSync(`${root}/leaf`)
    writeFileSync(`${root}/leaf/cgroup.procs`, '7\n8\n')
    writeFileSync(`${root}/leaf/cpu.stat`, 'usage_usec 42\nuser_usec 1\n')
    expect(readTree(root)).toEqual({
      path: root,
      name: root.split('/').at(-1),
      processes: [],
      facts: { 'pids.current': '3' },
      children: [
        { path: `${root}/leaf`, name: 'leaf', processes: [7, 8], facts: { 'cpu.stat usage_usec': '42' }, children: [] },
      ],
    })
  })

  it('has no members where it is gone', () => {
    expect(readMembers(fresh())).toEqual([])
    expect(killAll(fresh())).toBe(false)
    expect(removeTree(fresh())).toBe(true)
  })

  // A container may end between the listing and the look.
  it('is empty where it is gone', () => {
    expect(readTree(fresh()).children).toEqual([])
  })
})

describe('a real cgroup', () => {
  const mounted = /^\S+ (\S+) cgroup2 /m.exec(readFileSync('/proc/mounts', 'utf8'))?.[1]
  const make = (): string | undefined => {
    try {
      return mkdtempSync(`${mounted}/glasspod-unit-`)
    } catch {
      return undefined
    }
  }
  const made: string[] = []
  afterAll(() => made.forEach(removeTree))

  it('is filled, ended at once, and gone', async ({ skip }) => {
    const directory = mounted === undefined ? undefined : make()
    skip(directory === undefined, 'missing capability: a cgroup2 directory that may be written')
    if (directory === undefined) return
    made.push(directory)
    mkdirSync(`${directory}/leaf`)
    const child = spawn('sh', ['-c', 'echo 0 > "$0"; echo; sleep 1000 & wait', `${directory}/leaf/cgroup.procs`], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    await once(child.stdout, 'data')
    expect(readMembers(`${directory}/leaf`)).toContain(child.pid)
    expect(removeTree(directory)).toBe(false)
    const ended = once(child, 'close')
    expect(killAll(directory)).toBe(true)
    expect(await ended).toEqual([null, 'SIGKILL'])
    while (readMembers(`${directory}/leaf`).length > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(removeTree(directory)).toBe(true)
    expect(existsSync(directory)).toBe(false)
  })
})
