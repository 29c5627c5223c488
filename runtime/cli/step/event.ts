/** Whether a value read from a file is an event of a trace, as far as the screens use it. */
import type { TraceEvent } from '../api.ts'

type Check = (value: unknown) => boolean

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isString: Check = (value) => typeof value === 'string'
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value)
const shape =
  (fields: Record<string, Check>): Check =>
  (value) =>
    isObject(value) && Object.entries(fields).every(([name, check]) => check(value[name]))

const STEP: Record<string, Check> = {
  id: isString,
  why: isString,
  man: isString,
  text: isString,
  see: optional(isString),
  undo: optional(isString),
  process: optional(isString),
  calls: optional(listOf(shape({ text: isString }))),
}
const isStep = shape({ ...STEP, inside: optional(listOf(shape(STEP))) })
const isState: Check = (value) => isObject(value) && Object.values(value).every(listOf(isString))
const isChange = shape({ about: isString, gone: listOf(isString), come: listOf(isString) })

const EVENTS: Record<string, Check> = {
  root: shape({ root: isString, warnings: optional(listOf(isString)) }),
  steps: shape({ list: isCount, steps: listOf(isStep) }),
  before: shape({
    list: isCount,
    before: isCount,
    group: optional(isCount),
    pid: optional(isCount),
    state: optional(isState),
    changes: listOf(isChange),
  }),
  failed: shape({ list: isCount, failed: isCount, message: isString }),
  end: shape({ end: (value) => value === true }),
}

/** Those that a screen is made of, and the end. */
export const isEvent = (value: unknown): value is TraceEvent =>
  isObject(value) && Object.entries(EVENTS).some(([name, check]) => name in value && check(value))

export const isShown = (event: TraceEvent): boolean => Object.keys(EVENTS).some((name) => name in event)
