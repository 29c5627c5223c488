import { mkdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parseMemoryEvents, readLeafEvents, readMachineOomKills } from '../../../runtime/kernel/cgroups/events.ts'
import { parseFlat, readNumber } from '../../../runtime/kernel/cgroups/files.ts'
import { isFreezing, isFrozen } from '../../../runtime/kernel/cgroups/freezer.ts'
import { parsePressure, readPressures } from '../../../runtime/kernel/cgroups/pressure.ts'
import { parseCpuStat, parseIoStat, readUsage } from '../../../runtime/kernel/cgroups/usage.ts'
import { parseNetworkUse } from '../../../runtime/kernel/network-use.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

const fake = (files: Record<string, string>): string => {
  const directory = fresh()
  mkdirSync(directory)
  for (const [name, text] of Object.entries(files)) writeFileSync(`${directory}/${name}`, text)
  return directory
}

describe('a file', () => {
  it('of keys is numbers; what is none is left out', () => {
    expect(parseFlat('a 1\nb 22\n\nc x\nd 1 2\n')).toEqual({ a: 1, b: 22 })
    expect(parseFlat(undefined)).toEqual({})
  })

  it('of one number is it; max is none', () => {
    const directory = fake({ one: '5\n', max: 'max\n' })
    expect(['one', 'max', 'gone'].map((name) => readNumber(`${directory}/${name}`))).toEqual([5, undefined, undefined])
  })
})

describe('usage', () => {
  it('of processors, with and without the controller', () => {
    const bare = 'usage_usec 10\nuser_usec 6\nsystem_usec 4\n'
    expect(parseCpuStat(bare)).toEqual({ usage: 10, user: 6, system: 4 })
    expect(parseCpuStat(`${bare}nr_periods 3\nnr_throttled 2\nthrottled_usec 9\n`)).toEqual({
      ...{ usage: 10, user: 6, system: 4 },
      ...{ periods: 3, throttled: 2, throttledTime: 9 },
    })
  })

  it('of devices', () => {
    const line = 'rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0'
    expect(parseIoStat(`8:0 ${line}\n254:16 rbytes=7\n\nnonsense\n`)).toEqual([
      { major: 8, minor: 0, rbytes: 1, wbytes: 2, rios: 3, wios: 4 },
      { major: 254, minor: 16, rbytes: 7, wbytes: 0, rios: 0, wios: 0 },
    ])
    expect(parseIoStat('')).toEqual([])
  })

  it('is what is there', () => {
    expect(readUsage(fake({ 'cpu.stat': 'usage_usec 1\n', 'cgroup.threads': '7\n8\n' }))).toEqual({
      cpu: { usage: 1, user: 0, system: 0 },
      memory: undefined,
      io: undefined,
      tasks: 2,
    })
    expect(
      readUsage(
        fake({ 'memory.current': '64\n', 'memory.stat': 'inactive_file 4\n', 'pids.current': '3\n', 'io.stat': '' }),
      ),
    ).toEqual({
      cpu: undefined,
      memory: { current: 64, peak: undefined, stat: { inactive_file: 4 } },
      io: [],
      tasks: 3,
    })
  })

  it('of the network, without the loopback', () => {
    const header =
      'Inter-|   Receive  |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes\n'
    const counters = '1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0'
    expect(parseNetworkUse(`${header}    lo: ${counters}\n  eth0:${counters}\n`)).toEqual({
      eth0: {
        ...{ rx_bytes: 1, rx_packets: 2, rx_errors: 3, rx_dropped: 4 },
        ...{ tx_bytes: 5, tx_packets: 6, tx_errors: 7, tx_dropped: 8 },
      },
    })
    expect(parseNetworkUse('')).toEqual({})
  })
})

describe('pressure', () => {
  const some = 'some avg10=1.50 avg60=0.25 avg300=0.00 total=1234'

  it('is some and full', () => {
    expect(parsePressure(`${some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n`)).toEqual({
      some: { avg10: 1.5, avg60: 0.25, avg300: 0, total: 1234 },
      full: { avg10: 0, avg60: 0, avg300: 0, total: 0 },
    })
    expect(parsePressure('')).toEqual({})
  })

  it('is read where there is a file', () => {
    expect(Object.keys(readPressures(fake({ 'cpu.pressure': some })))).toEqual(['cpu'])
  })
})

describe('events', () => {
  it('of memory', () => {
    expect(parseMemoryEvents('low 0\nhigh 3\nmax 9\noom 2\noom_kill 1\noom_group_kill 0\n')).toEqual({
      high: 3,
      max: 9,
      oom: 2,
      oomKill: 1,
    })
  })

  it('of a leaf are what its controllers tell', () => {
    expect(readLeafEvents(fake({ 'pids.events': 'max 4\n', 'pids.max': '10\n' }))).toEqual({
      pidsRefused: 4,
      pidsLimit: 10,
    })
    expect(
      readLeafEvents(fake({ 'memory.events': 'oom_kill 1\n', 'memory.max': 'max\n', 'memory.peak': '7\n' })),
    ).toEqual({
      memory: { high: 0, max: 0, oom: 0, oomKill: 1 },
      memoryPeak: 7,
    })
    expect(readLeafEvents(fresh())).toEqual({})
  })

  it('of the whole machine are counted by every kernel', () => {
    expect(readMachineOomKills()).toBeGreaterThanOrEqual(0)
  })
})

describe('the freezer', () => {
  it('is asked by one file, and answers by another', () => {
    const directory = fake({ 'cgroup.freeze': '1\n', 'cgroup.events': 'populated 1\nfrozen 0\n' })
    expect([isFreezing(directory), isFrozen(directory)]).toEqual([true, false])
    expect(isFrozen(fake({ 'cgroup.events': 'populated 1\nfrozen 1\n' }))).toBe(true)
    expect(isFrozen(fresh())).toBe(undefined)
  })
})
