import { expect, it } from 'vitest'
import { Container } from '../../../runtime/agent/containers.ts'
import type { ContainerRecord } from '../../../runtime/agent/records.ts'
import { describeStatistics, parseSystemCpu, type Sample } from '../../../runtime/agent/statistics.ts'

const record: ContainerRecord = {
  id: 'abc',
  name: 'web',
  podId: 'p',
  image: { id: '', name: '', diffIds: [] },
  created: '',
  body: {},
  status: 'running',
  logStart: 0,
  restarts: 0,
}
const container = new Container(record, '/c')
const sample: Sample = {
  at: '2025-01-01T00:00:00Z',
  usage: {
    cpu: { usage: 3, user: 2, system: 1, periods: 9, throttled: 4, throttledTime: 5 },
    memory: { current: 64, peak: 70, stat: { inactive_file: 4 } },
    io: [{ major: 8, minor: 0, rbytes: 1, wbytes: 2, rios: 3, wios: 4 }],
    tasks: 7,
  },
  system: { total: 1e9, online: 2 },
  memoryLimit: 128,
  pidsLimit: 20,
  networks: {},
}

it('the time of all processors is eight columns, and guests are in them already', () => {
  const stat = 'cpu  1 2 3 4 5 6 7 8 900 900\ncpu0 1 0 0 0\ncpu1 0 0 0 0\nintr 5\n'
  expect(parseSystemCpu(stat)).toEqual({ total: 36e7, online: 2 })
})

it('a sample has the shape of Docker’s API, times in nanoseconds', () => {
  expect(describeStatistics(container, sample, undefined)).toMatchObject({
    id: 'abc',
    name: '/web',
    cpu_stats: {
      cpu_usage: { total_usage: 3000, usage_in_kernelmode: 1000, usage_in_usermode: 2000 },
      system_cpu_usage: 1e9,
      online_cpus: 2,
      throttling_data: { periods: 9, throttled_periods: 4, throttled_time: 5000 },
    },
    memory_stats: { usage: 64, max_usage: 70, limit: 128, stats: { inactive_file: 4 } },
    pids_stats: { current: 7, limit: 20 },
    blkio_stats: {
      io_service_bytes_recursive: [
        { major: 8, minor: 0, op: 'read', value: 1 },
        { major: 8, minor: 0, op: 'write', value: 2 },
      ],
    },
  })
})

it('what has no controller is empty, and what does not run has nothing', () => {
  const usage = { ...sample.usage, memory: undefined, io: undefined }
  const bare = describeStatistics(container, { ...sample, usage, pidsLimit: undefined }, sample)
  expect(bare.memory_stats).toEqual({})
  expect(bare.blkio_stats.io_service_bytes_recursive).toBe(null)
  expect(bare.pids_stats).toEqual({ current: 7 })
  expect(bare.preread).toBe(sample.at)
  expect(describeStatistics(container, undefined, undefined)).toMatchObject({
    read: '0001-01-01T00:00:00Z',
    cpu_stats: { cpu_usage: { total_usage: 0 } },
    memory_stats: {},
  })
})
