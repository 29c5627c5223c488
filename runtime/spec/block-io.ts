/**
 * `--device-read-bps /dev/vda:1mb` and its three sisters, to `linux.resources.blockIO` of config.json (runtime-spec
 * config-linux.md#block-io); the cgroup file behind them is io.max.
 */
import { Failure } from '../errors.ts'
import type { Limits, ThrottledDevice } from './limits.ts'
import { parseMemorySize } from './memory-size.ts'

/** A device by its numbers, and bytes or operations a second. */
export interface Throttle {
  major: number
  minor: number
  rate: number
}

/** `linux.resources.blockIO` */
export interface BlockIoResources {
  throttleReadBpsDevice?: Throttle[]
  throttleWriteBpsDevice?: Throttle[]
  throttleReadIOPSDevice?: Throttle[]
  throttleWriteIOPSDevice?: Throttle[]
}

const invalid = (id: string, sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id, try: advice, exitCode: 125, status: 400 })

const BYTES = 'the correct format is <device-path>:<number>[<unit>]; unit is optional and can be kb, mb, or gb'
const OPERATIONS = 'the correct format is <device-path>:<number>'

const parseRate = (word: string, unit: 'bps' | 'iops'): number => {
  if (unit === 'iops') return /^\d{1,15}$/.test(word) ? Number(word) : 0
  try {
    return parseMemorySize(word)
  } catch {
    return 0
  }
}

/** `/dev/vda:1mb`. Failure `io.device`, exit 125, in Docker's words. */
export const parseThrottle = (word: string, unit: 'bps' | 'iops'): ThrottledDevice => {
  const colon = word.lastIndexOf(':')
  const [Path, text] = [word.slice(0, colon), word.slice(colon + 1)]
  if (colon <= 0 || text === '') throw invalid('io.device', `bad format: ${word}`, unit === 'bps' ? BYTES : OPERATIONS)
  if (!Path.startsWith('/dev/')) throw invalid('io.device', `bad format for device path: ${word}`, '/dev/NAME:RATE')
  const Rate = parseRate(text, unit)
  if (Rate <= 0) throw invalid('io.device', `invalid rate for device: ${word}`, unit === 'bps' ? BYTES : OPERATIONS)
  return { Path, Rate }
}

/** Numbers of a block device by its path; throws the Failure that says why it has none. */
export type ResolveDevice = (path: string) => { major: number; minor: number }

const planThrottles = (devices: ThrottledDevice[] | null | undefined, resolve: ResolveDevice): Throttle[] => {
  if (!Array.isArray(devices ?? [])) throw invalid('io.device', 'no list of devices and rates', '[{ "Path", "Rate" }]')
  return (devices ?? []).map(({ Path, Rate }) => {
    if (typeof Path !== 'string' || !Number.isSafeInteger(Rate) || Rate <= 0)
      throw invalid('io.device', `invalid rate for device: ${Path}:${Rate}`, 'a path of /dev and a positive number')
    return { ...resolve(Path), rate: Rate }
  })
}

/** Undefined: nothing is asked for. */
export const planBlockIo = (limits: Limits, resolve: ResolveDevice): BlockIoResources | undefined => {
  const lists = {
    throttleReadBpsDevice: planThrottles(limits.BlkioDeviceReadBps, resolve),
    throttleWriteBpsDevice: planThrottles(limits.BlkioDeviceWriteBps, resolve),
    throttleReadIOPSDevice: planThrottles(limits.BlkioDeviceReadIOps, resolve),
    throttleWriteIOPSDevice: planThrottles(limits.BlkioDeviceWriteIOps, resolve),
  }
  const asked = Object.entries(lists).filter(([, list]) => list.length > 0)
  return asked.length === 0 ? undefined : Object.fromEntries(asked)
}
