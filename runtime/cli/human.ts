/** Sizes and times in words. */
const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Powers of 1000 as docker and podman count: 4100000 is 4.1MB. */
export const formatSize = (bytes: number): string => {
  let value = Math.max(0, bytes)
  let unit = 0
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000
    unit += 1
  }
  const text = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1).replace(/\.0$/, '')
  return `${text}${SIZES[unit] ?? ''}`
}

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ['year', 365 * 86400],
  ['month', 30 * 86400],
  ['week', 7 * 86400],
  ['day', 86400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** The largest unit that fits, whole: 135 is `2 minutes`. */
export const formatDuration = (seconds: number): string => {
  for (const [name, length] of UNITS) {
    const count = Math.floor(seconds / length)
    if (count >= 1) return `${count} ${name}${count === 1 ? '' : 's'}`
  }
  return 'less than a second'
}

/** A moment as the API gives it: seconds since 1970, or RFC 3339. */
export const formatAge = (moment: number | string, nowMs: number = Date.now()): string => {
  const ms = typeof moment === 'number' ? moment * 1000 : Date.parse(moment)
  return Number.isFinite(ms) ? `${formatDuration((nowMs - ms) / 1000)} ago` : ''
}
