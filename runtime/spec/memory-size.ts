/**
 * Sizes as people write them (`--memory 64m`), and the memory limits of Docker's HostConfig to `linux.resources.memory`
 * of config.json (runtime-spec config-linux.md#memory), in bytes.
 */
import { Failure } from '../errors.ts'
import type { Limits } from './limits.ts'

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
  p: 1024 ** 5,
}

/** Below this a container's first program cannot be started and killed cleanly (moby daemon/daemon_unix.go). */
const MINIMUM = 6 * 1024 * 1024

const invalid = (id: string, sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id, try: advice, exitCode: 125, status: 400 })

/**
 * 512m, 1.5g, 1GiB, 2048, in bytes: units of 1024, as docker/go-units RAMInBytes. A fraction of a byte is cut off.
 * Failure `memory.size`, exit 125.
 */
export const parseMemorySize = (word: string): number => {
  const match = /^(\d{1,16}(?:\.\d{1,16})?) ?([a-zA-Z]*)$/.exec(word)
  const unit = match?.[2]?.toLowerCase().replace(/^([kmgtp])(?:i?b)$/, '$1')
  if (match === null || unit === undefined)
    throw invalid('memory.size', `invalid size: '${word}'`, 'write a number and one of b, k, m, g: 512m')
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined
  if (factor === undefined)
    throw invalid('memory.size', `invalid suffix: '${match[2]}' in size '${word}'`, 'units are b, k, m, g, t, p')
  const bytes = Math.floor(Number(match[1]) * factor)
  if (!Number.isSafeInteger(bytes)) throw invalid('memory.size', `invalid size: '${word}'`, 'that is over 8 PiB')
  return bytes
}

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** 67108864 is 64MiB: four digits, powers of 1024, as docker stats shows memory (docker/go-units BytesSize). */
export const formatMemorySize = (bytes: number): string => {
  const unit = Math.min(BINARY.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)))
  return `${Number((bytes / 1024 ** unit).toPrecision(4))}${BINARY[unit] ?? ''}`
}

/** `--memory-swap`: as a size, and -1 for as much swap as there is. Failure `memory.size`. */
export const parseSwap = (word: string): number => (word === '-1' ? -1 : parseMemorySize(word))

/** `linux.resources.memory`, bytes; swap counts memory and swap together, -1 is without limit. */
export interface MemoryResources {
  limit?: number
  reservation?: number
  swap?: number
}

const isSize = (value: number, least: number): boolean => Number.isSafeInteger(value) && value >= least

/**
 * The limits together, with Docker's rules (moby daemon/daemon_unix.go): 0 is no limit; at least 6 MB; memory and swap
 * together at least the memory; without --memory-swap as much swap as memory, where the kernel counts swap by cgroups.
 * Failure `memory.*`, exit 125.
 */
export const planMemory = (limits: Limits, countsSwap = true): MemoryResources => {
  const limit = limits.Memory ?? 0
  const reservation = limits.MemoryReservation ?? 0
  const swap = limits.MemorySwap ?? 0
  if (!isSize(limit, 0) || !isSize(reservation, 0) || !isSize(swap, -1))
    throw invalid('memory.size', 'a memory limit is a number of bytes', 'Memory, MemoryReservation: 0 or more')
  if (limit > 0 && limit < MINIMUM)
    throw invalid('memory.minimum', 'minimum memory limit allowed is 6MB', '--memory 6m or more')
  if (reservation > 0 && reservation < MINIMUM)
    throw invalid('memory.minimum', 'minimum memory reservation allowed is 6MB', '--memory-reservation 6m or more')
  if (limit > 0 && reservation > limit)
    throw invalid('memory.reservation', 'minimum memory limit can not be less than memory reservation limit')
  if (swap > 0 && limit === 0)
    throw invalid(
      'memory.swap',
      'you should always set the memory limit when using memoryswap limit',
      'give --memory too: --memory-swap counts memory and swap together',
    )
  if (swap > 0 && swap < limit)
    throw invalid(
      'memory.swap',
      'minimum memoryswap limit should be larger than memory limit',
      'it counts memory and swap together: for no swap give both the same value',
    )
  return {
    ...(limit > 0 && { limit }),
    ...(limit > 0 && (countsSwap || swap !== 0) && { swap: swap === 0 ? limit * 2 : swap }),
    ...(reservation > 0 && { reservation }),
  }
}
