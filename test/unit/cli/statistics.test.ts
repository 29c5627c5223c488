import { expect, it } from 'vitest'
import type { Statistics } from '../../../runtime/cli/api.ts'
import { formatFacts } from '../../../runtime/cli/cgroup-facts.ts'
import { formatStatistics, makeRow } from '../../../runtime/cli/statistics.ts'

const MiB = 1024 * 1024
const statistics: Statistics = {
  id: 'abcdef0123456789',
  name: '/web',
  cpu_stats: { cpu_usage: { total_usage: 5e8 }, system_cpu_usage: 4e9, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 0 }, system_cpu_usage: 2e9, online_cpus: 2 },
  memory_stats: { usage: 20 * MiB, limit: 64 * MiB, stats: { inactive_file: 4 * MiB } },
  pids_stats: { current: 3 },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'read', value: 1000 },
      { op: 'read', value: 500 },
      { op: 'write', value: 7 },
    ],
  },
  networks: { eth0: { rx_bytes: 1000, tx_bytes: 2 }, eth1: { rx_bytes: 1, tx_bytes: 1 } },
}
const nothing: Statistics = {
  id: 'b',
  name: '/db\x1b',
  cpu_stats: { cpu_usage: { total_usage: 0 } },
  precpu_stats: { cpu_usage: { total_usage: 0 } },
  memory_stats: {},
  pids_stats: {},
  blkio_stats: { io_service_bytes_recursive: null },
}

it('stats has the columns of docker, and -- for what is not known', () => {
  expect(formatStatistics([statistics, nothing].map(makeRow), false)).toMatchInlineSnapshot(`
    "CONTAINER ID   NAME   CPU %    MEM USAGE / LIMIT   MEM %    NET I/O    BLOCK I/O    PIDS
    abcdef012345   web    50.00%   16MiB / 64MiB       25.00%   1kB / 3B   1.5kB / 7B   3
    b              db?    --       -- / --             --       -- / --    -- / --      --"
  `)
})

it('for programs it has numbers, and null for what is not known', () => {
  expect(makeRow(statistics)).toMatchObject({
    CpuPercent: 50,
    MemoryUsage: 16 * MiB,
    MemoryPercent: 25,
    BlockInput: 1500,
  })
  expect(makeRow(nothing)).toMatchObject({
    CpuPercent: null,
    MemoryUsage: null,
    NetInput: null,
    BlockInput: null,
    Pids: null,
  })
})

it('a cgroup says use and limit together', () => {
  expect(
    formatFacts({
      'memory.current': `${16 * MiB}`,
      'memory.max': `${64 * MiB}`,
      'memory.high': `${32 * MiB}`,
      'memory.low': '0',
      'memory.swap.current': '0',
      'memory.swap.max': '0',
      'memory.events oom_kill': '1',
      'cpu.stat usage_usec': '1500000',
      'cpu.stat nr_throttled': '12',
      'cpu.max': '50000 100000',
      'cpu.weight': '100',
      'cpuset.cpus': '0-1',
      'pids.current': '3',
      'pids.max': '20',
      'pids.events max': '0',
      'io.max': '8:0 rbps=1 wbps=max riops=max wiops=max',
      'cgroup.freeze': '1',
      'cpu.pressure some avg10': '1.5',
      'io.pressure some avg10': '0',
    }),
  ).toMatchInlineSnapshot(`
    [
      "frozen",
      "memory 16MiB of 64MiB",
      "high 32MiB",
      "swap 0B of 0B",
      "OOM kills 1",
      "cpu 1.50s of 0.5 CPUs",
      "throttled 12 times",
      "on CPUs 0-1",
      "pids 3 of 20",
      "io 8:0 rbps=1 wbps=max riops=max wiops=max",
      "pressure cpu 1.5% io 0%",
    ]
  `)
  expect(formatFacts({ 'memory.max': MiB, 'cpu.weight': '59', 'pids.events max': '2', 'cgroup.freeze': '0' })).toEqual([
    'memory of 1MiB',
    'weight 59',
    'refused 2',
  ])
})
