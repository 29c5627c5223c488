/**
 * PAX records (pax in POSIX.1, "pax Extended Header"): `LENGTH KEY=VALUE\n`. tar-stream reads them as UTF-8, which
 * damages what is not: names in another encoding, and every file capability. Here keys and values are bytes, one
 * character a byte.
 */
import { damaged } from './refusal.ts'

export type PaxRecord = readonly [key: string, value: string]

const SPACE = 0x20
const NEWLINE = 0x0a
/** A length is at most that of the header, and that has a bound. */
const DIGITS_MAX = 8
/** For these a NUL would end the string for the kernel and not for us. */
const TEXTS: ReadonlySet<string> = new Set(['path', 'linkpath', 'uname', 'gname', 'GNU.sparse.name'])

/** In their order: GNU's first sparse form has the same key many times. @throws Failure `image.layer`. */
export const parsePax = (body: Buffer): readonly PaxRecord[] => {
  const records: PaxRecord[] = []
  for (let at = 0; at < body.length;) {
    const space = body.subarray(at, at + DIGITS_MAX + 1).indexOf(SPACE)
    const digits = space === -1 ? '' : body.toString('latin1', at, at + space)
    const end = at + Number(digits)
    if (!/^\d+$/.test(digits) || end > body.length || end < at + space + 3 || body[end - 1] !== NEWLINE)
      throw damaged('a PAX record has a wrong length')
    const record = body.toString('latin1', at + space + 1, end - 1)
    const equals = record.indexOf('=')
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)]
    if (equals < 1 || key.includes('\0')) throw damaged('a PAX record has no key')
    if (TEXTS.has(key) && value.includes('\0')) throw damaged(`a PAX record has a NUL in its ${key}`)
    records.push([key, value])
    at = end
  }
  return records
}

/** A decimal number without sign. @throws Failure `image.layer`. */
export const parseDecimal = (text: string, what: string): number => {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(number)) throw damaged(`${what} is ${JSON.stringify(text.slice(0, 40))}`)
  return number
}

export interface Moment {
  /** Since the epoch, rounded down: negative before 1970. */
  readonly seconds: number
  readonly nanoseconds: number
}

/** Seconds with a fraction of any length, of which nine digits count. @throws Failure `image.layer`. */
export const parseMoment = (text: string): Moment => {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text) ?? []
  if (sign === undefined) throw damaged(`a time is ${JSON.stringify(text.slice(0, 40))}`)
  const [seconds, nanoseconds] = [Number(whole), Number(fraction.slice(0, 9).padEnd(9, '0'))]
  if (sign === '') return { seconds, nanoseconds }
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds }
}
