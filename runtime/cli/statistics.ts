/** Docker's statistics as rows of a table. What has no controller on this machine is `--`, never 0. */
import { formatMemorySize } from '../spec/memory-size.ts'
import type { Statistics } from './api.ts'
import { formatSize } from './human.ts'
import { fitTable, printable, shortId } from './table.ts'

/** Numbers for programs; null: not known here. Bytes; per cent of one processor, as docker counts. */
export interface StatisticsRow {
  Id: string
  Name: string
  CpuPercent: number | null
  MemoryUsage: number | null
  MemoryLimit: number | null
  MemoryPercent: number | null
  NetInput: number | null
  NetOutput: number | null
  BlockInput: number | null
  BlockOutput: number | null
  Pids: number | null
}

const NONE = '--'

const percent = (part: number, whole: number): number => (whole > 0 ? Math.round((part / whole) * 1e4) / 100 : 0)

const cpuPercent = ({ cpu_stats: now, precpu_stats: before }: Statistics): number | null => {
  if (now.system_cpu_usage === undefined || before.system_cpu_usage === undefined) return null
  const system = now.system_cpu_usage - before.system_cpu_usage
  return percent((now.cpu_usage.total_usage - before.cpu_usage.total_usage) * (now.online_cpus ?? 1), system)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const blockBytes = ({ blkio_stats }: Statistics, op: 'read' | 'write'): number | null => {
  const list = blkio_stats.io_service_bytes_recursive
  return list === null ? null : sum(list.filter((entry) => entry.op === op).map(({ value }) => value))
}

/** As docker stats: page cache that can be dropped at once is not counted. */
const memoryUsage = ({ memory_stats: { usage, stats } }: Statistics): number | null =>
  usage === undefined ? null : Math.max(0, usage - (stats?.['inactive_file'] ?? 0))

export const makeRow = (statistics: Statistics): StatisticsRow => {
  const memory = memoryUsage(statistics)
  const limit = statistics.memory_stats.limit ?? null
  const networks = statistics.networks === undefined ? undefined : Object.values(statistics.networks)
  return {
    Id: statistics.id,
    Name: statistics.name.replace(/^\//, ''),
    CpuPercent: cpuPercent(statistics),
    MemoryUsage: memory,
    MemoryLimit: limit,
    MemoryPercent: memory === null || limit === null ? null : percent(memory, limit),
    NetInput: networks === undefined ? null : sum(networks.map(({ rx_bytes }) => rx_bytes)),
    NetOutput: networks === undefined ? null : sum(networks.map(({ tx_bytes }) => tx_bytes)),
    BlockInput: blockBytes(statistics, 'read'),
    BlockOutput: blockBytes(statistics, 'write'),
    Pids: statistics.pids_stats.current ?? null,
  }
}

const HEADERS = ['CONTAINER ID', 'NAME', 'CPU %', 'MEM USAGE / LIMIT', 'MEM %', 'NET I/O', 'BLOCK I/O', 'PIDS']

const formatPercent = (value: number | null): string => (value === null ? NONE : `${value.toFixed(2)}%`)

const formatPair = (one: number | null, other: number | null, format: (value: number) => string): string =>
  `${one === null ? NONE : format(one)} / ${other === null ? NONE : format(other)}`

/** @param columns of a terminal. */
export const formatStatistics = (rows: readonly StatisticsRow[], full: boolean, columns?: number): string =>
  fitTable(
    HEADERS,
    rows.map((row) => [
      full ? row.Id : shortId(row.Id),
      printable(row.Name),
      formatPercent(row.CpuPercent),
      formatPair(row.MemoryUsage, row.MemoryLimit, formatMemorySize),
      formatPercent(row.MemoryPercent),
      formatPair(row.NetInput, row.NetOutput, formatSize),
      formatPair(row.BlockInput, row.BlockOutput, formatSize),
      row.Pids === null ? NONE : `${row.Pids}`,
    ]),
    { columns: full ? undefined : columns, leave: ['CONTAINER ID', 'MEM %', 'BLOCK I/O'] },
  )
