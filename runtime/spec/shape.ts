/** Whether a client's JSON has the form that is read from it. What is not named here is not read, and may be anything. */
import { Failure } from '../errors.ts'

/** Docker's clients send null for lists, objects and numbers that they leave out; a text or a flag is never null. */
export type Shape =
  | 'text'
  | 'number'
  | 'flag'
  /** A list of texts, or one text. */
  | 'command'
  | { list: Shape }
  /** An object of values of one form, under any names. */
  | { each: Shape }
  | Fields

export interface Fields {
  fields: Readonly<Record<string, Shape>>
}

export const TEXTS: Shape = { list: 'text' }

const NOUNS = { text: 'a string', number: 'a number', flag: 'true or false', command: 'a string or a list of strings' }
const TYPES = { text: 'string', number: 'number', flag: 'boolean' } as const

const refuse = (sentence: string): Failure =>
  new Failure(sentence, { id: 'api.body', see: 'docs/api.md', status: 400, exitCode: 125 })

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The kernel ends a text at its first NUL: what comes behind would be dropped without a word. */
const checkText = (text: string, path: string): void => {
  if (text.includes('\0')) throw refuse(`${path} has a NUL byte in it`)
}

/** @throws {Failure} `api.body`, which names the place: `Env[2] is not a string` */
export const checkShape = (value: unknown, shape: Shape, path = ''): void => {
  if (value === undefined || (value === null && shape !== 'text' && shape !== 'flag')) return
  const wrong = (noun: string) => refuse(`${path === '' ? 'the request body' : path} is not ${noun}`)
  if (shape === 'command') {
    if (typeof value !== 'string' && !Array.isArray(value)) throw wrong(NOUNS.command)
    checkShape(value, typeof value === 'string' ? 'text' : TEXTS, path)
  } else if (typeof shape === 'string') {
    if (typeof value !== TYPES[shape]) throw wrong(NOUNS[shape])
    if (typeof value === 'string') checkText(value, path)
  } else if ('list' in shape) {
    if (!Array.isArray(value)) throw wrong('a list')
    value.forEach((item: unknown, index) => {
      if (item === null) throw refuse(`${path}[${index}] is null`)
      checkShape(item, shape.list, `${path}[${index}]`)
    })
  } else {
    if (!isObject(value)) throw wrong('an object')
    const at = (name: string) => (path === '' ? name : `${path}.${name}`)
    if ('fields' in shape)
      for (const [name, field] of Object.entries(shape.fields)) checkShape(value[name], field, at(name))
    else
      for (const [name, item] of Object.entries(value)) {
        checkText(name, `a name in ${path}`)
        checkShape(item, shape.each, at(name))
      }
  }
}
