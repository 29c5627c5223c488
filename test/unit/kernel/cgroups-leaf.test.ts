import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { killAll, readMembers, readTree, removeTree } from '../../../runtime/kernel/cgroups/leaf.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

/** A directory with files of these names, as cgroupfs would have them. */
const fake = (files: Record<string, string>): string => {
  const directory = fresh()
  mkdirSync(directory)
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text)
  return directory
}
describe('the tree', () => {
  it('is what the files say, without what says nothing', () => {
    const root = fake({
      'cgroup.procs': '',
      'memory.max': 'max\n',
      'memory.events': 'oom 2\noom_kill 1\n',
      'cpu.max': 'max 100000\n',
      'cpuset.cpus': '\n',
      'cpu.pressure': 'some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n',
      'pids.current': '3\n',
    })
    mkdirSync(`${root}/leaf`)
    writeFileSync(`${root}/leaf/cgroup.procs`, '7\n8\n')
    writeFileSync(`${root}/leaf/cpu.stat`, 'usage_usec 42\nuser_usec 1\n')
    expect(readTree(root)).toEqual({
      path: root,
      name: root.split('/').at(-1),
      processes: [],
      facts: { 'pids.current': '3', 'memory.events oom_kill': '1', 'cpu.pressure some avg10': '1.5' },
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
    // as where systemd was faster with a scope
    expect(killAll(directory)).toBe(false)
    expect(removeTree(directory)).toBe(true)
  })
})
