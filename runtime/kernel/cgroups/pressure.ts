/** Pressure stall information (PSI): for how much of the time tasks waited for a resource (accounting/psi.rst). */
import { readText } from './files.ts'

export const PRESSURES = ['cpu', 'memory', 'io'] as const
export type PressureKind = (typeof PRESSURES)[number]

/** Per cent of the time in the last 10, 60 and 300 seconds; total in microseconds. */
export interface PressureLine {
  avg10: number
  avg60: number
  avg300: number
  total: number
}

/** some: at least one task waited; full: all that were not idle did. */
export interface Pressure {
  some?: PressureLine
  full?: PressureLine
}

/** The text of cpu.pressure, memory.pressure or io.pressure. */
export const parsePressure = (text: string): Pressure => {
  const pressure: Pressure = {}
  for (const line of text.split('\n')) {
    const [, kind, ...numbers] =
      /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/.exec(line.trim()) ?? []
    if (kind !== 'some' && kind !== 'full') continue
    const [avg10 = 0, avg60 = 0, avg300 = 0, total = 0] = numbers.map(Number)
    pressure[kind] = { avg10, avg60, avg300, total }
  }
  return pressure
}

/** Those that are there: a kernel with psi=0 has none. */
export const readPressures = (directory: string): Partial<Record<PressureKind, Pressure>> =>
  Object.fromEntries(
    PRESSURES.flatMap((kind) => {
      const text = readText(`${directory}/${kind}.pressure`)
      return text === undefined ? [] : [[kind, parsePressure(text)]]
    }),
  )
