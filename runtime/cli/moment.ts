/** A moment on the command line (`logs --since`): seconds since 1970, RFC 3339, or how long ago (`10m`, `1h30m`). */
import { badFlag } from './options.ts'

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION = /^(\d+(\.\d+)?(ms|s|m|h|d))+$/
const PART = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/g
const FRACTION = /(T\d\d:\d\d:\d\d)\.(\d{1,9})/

/** As the API wants it: `seconds.nanoseconds`, every digit of the fraction kept. */
export const parseMoment = (flag: string, text: string, nowMs: number): string => {
  if (/^\d+(\.\d{1,9})?$/.test(text)) return text
  if (DURATION.test(text)) {
    const ago = [...text.matchAll(PART)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0),
      0,
    )
    return (Math.max(0, nowMs - ago) / 1000).toFixed(3)
  }
  const fraction = FRACTION.exec(text)?.[2] ?? '0'
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text.replace(FRACTION, '$1')) : NaN
  if (!Number.isFinite(ms)) {
    throw badFlag(
      `${flag} "${text}" is no moment`,
      `2026-01-31T12:00:00Z, seconds since 1970, or 10m for ten minutes ago`,
    )
  }
  return `${Math.floor(ms / 1000)}.${fraction.padEnd(9, '0')}`
}
