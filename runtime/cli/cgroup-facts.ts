/** What the kernel's files say of a cgroup, in words: use and limit of a thing together. */
import { formatMemorySize } from '../spec/memory-size.ts'

/** By the name of the file, and for a file of several keys `FILE KEY`; a file without a limit is not there. */
export type Facts = Record<string, number | string>

/** 50000 100000 is half a processor. */
const formatQuota = (value: string): string => {
  const [quota = 0, period = 1] = value.split(' ').map(Number)
  return `${Number((quota / period).toFixed(2))} CPUs`
}

const PRESSURES = ['cpu', 'memory', 'io']

/** In the order of a reader's questions: memory, processors, processes, devices, and who waits for them. */
export const formatFacts = (facts: Facts): string[] => {
  const text = (key: string): string | undefined => (facts[key] === undefined ? undefined : `${facts[key]}`)
  const bytes = (key: string) => (facts[key] === undefined ? undefined : formatMemorySize(Number(facts[key])))
  const counted = (key: string) => (Number(facts[key] ?? 0) > 0 ? text(key) : undefined)
  const say = (name: string, value: string | undefined, of?: string): string[] =>
    value === undefined && of === undefined
      ? []
      : [[name, value, of === undefined ? undefined : `of ${of}`].filter(Boolean).join(' ')]
  const cpu = text('cpu.stat usage_usec')
  const weight = text('cpu.weight')
  const waiting = PRESSURES.flatMap((kind) => {
    const value = text(`${kind}.pressure some avg10`)
    return value === undefined ? [] : [`${kind} ${Number(value)}%`]
  })
  const times = counted('cpu.stat nr_throttled')
  return [
    ...(Number(facts['cgroup.freeze'] ?? 0) === 1 ? ['frozen'] : []),
    ...say('memory', bytes('memory.current'), bytes('memory.max')),
    ...say('peak', bytes('memory.peak')),
    ...say('high', bytes('memory.high')),
    ...say('low', Number(facts['memory.low'] ?? 0) > 0 ? bytes('memory.low') : undefined),
    ...say('swap', bytes('memory.swap.current'), bytes('memory.swap.max')),
    ...say('OOM kills', counted('memory.events oom_kill')),
    ...say(
      'cpu',
      cpu === undefined ? undefined : `${(Number(cpu) / 1e6).toFixed(2)}s`,
      facts['cpu.max'] === undefined ? undefined : formatQuota(`${facts['cpu.max']}`),
    ),
    ...say('throttled', times === undefined ? undefined : `${times} times`),
    ...say('weight', weight === '100' ? undefined : weight),
    ...say('on CPUs', text('cpuset.cpus')),
    ...say('on nodes', text('cpuset.mems')),
    ...say('pids', text('pids.current'), text('pids.max')),
    ...say('refused', counted('pids.events max')),
    ...say('io', text('io.max')?.replaceAll('\n', '; ')),
    ...(waiting.length === 0 ? [] : [`pressure ${waiting.join(' ')}`]),
  ]
}
