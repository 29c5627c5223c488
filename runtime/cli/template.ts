/**
 * What `--format '{{.State.Status}}'` is made of, as docker and podman have it: a small part of Go's text/template, and
 * an error for the rest. Fields, json, println, index, range ... end, strings and numbers. Pure.
 */
import { Failure } from '../errors.ts'
import { badFlag } from './options.ts'

type Argument = { readonly path: readonly string[] } | { readonly value: string | number }

type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'call'; readonly name: string; readonly values: readonly Argument[] }
  | { readonly kind: 'range'; readonly over: Argument; readonly body: Part[] }

export type Template = readonly Part[]

const FUNCTIONS = ['json', 'println', 'index']
const ACTION = /\{\{([^]*?)\}\}/g
const WORD = /"(?:[^"\\]|\\.)*"|\S+/g
const PATH = /^\.(?:[\w-]+(?:\.[\w-]+)*)?$/
// eslint-disable-next-line no-control-regex -- what would move the cursor or start a sequence
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

const refuse = (problem: string): never => {
  throw new Failure(`--format: ${problem.replaceAll(CONTROL, '?')}`, {
    id: 'cli.template',
    why: 'of Go’s templates there are fields, json, println, index, and range with end',
    try: "--format '{{.Id}}', or '{{json .}}' for all that there is",
    exitCode: 125,
  })
}

const parseArgument = (word: string): Argument => {
  if (PATH.test(word)) return { path: word.split('.').filter((name) => name !== '') }
  if (/^-?\d{1,15}$/.test(word)) return { value: Number(word) }
  try {
    const value: unknown = JSON.parse(word)
    if (typeof value === 'string') return { value }
  } catch {
    // below, with all else that is none
  }
  return refuse(`${word} is no field, string or number`)
}

const parseCall = (action: string): Part => {
  const [first = '', ...rest] = action.match(WORD) ?? []
  const name = FUNCTIONS.find((known) => known === first)
  if (name !== undefined) {
    const wanted = name === 'json' ? rest.length === 1 : name === 'println' || rest.length >= 1
    return wanted ? { kind: 'call', name, values: rest.map(parseArgument) } : refuse(`{{${action}}} lacks its argument`)
  }
  if (/^[a-z]\w*$/i.test(first)) return refuse(`{{${first}}} is not known here`)
  return rest.length === 0
    ? { kind: 'call', name: 'print', values: [parseArgument(first)] }
    : refuse(`{{${action}}} is more than one value`)
}

/** @throws Failure `cli.template`. */
export const parseTemplate = (text: string): Template => {
  const whole: Part[] = []
  const open = [whole]
  const add = (part: Part) => void open.at(-1)?.push(part)
  const addText = (piece: string): void => {
    if (/\{\{|\}\}/.test(piece)) refuse(`${piece.includes('{{') ? '{{' : '}}'} stands alone`)
    if (piece === '') return
    // As docker has it, for what a shell does not make of them.
    add({ kind: 'text', text: piece.replaceAll('\\t', '\t').replaceAll('\\n', '\n') })
  }
  let at = 0
  for (const match of text.matchAll(ACTION)) {
    addText(text.slice(at, match.index))
    at = match.index + match[0].length
    const action = (match[1] ?? '').trim()
    const [, over] = /^range\s+(\S+)$/.exec(action) ?? []
    if (over !== undefined) {
      const body: Part[] = []
      add({ kind: 'range', over: parseArgument(over), body })
      open.push(body)
    } else if (action === 'end') {
      if (open.length === 1) refuse('{{end}} ends nothing')
      open.pop()
    } else add(parseCall(action))
  }
  addText(text.slice(at))
  return open.length === 1 ? whole : refuse('{{range}} has no {{end}}')
}

const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const NAMES_SHOWN = 30

/** Labels are fields too, and an image may have thousands. */
const listSome = (names: readonly string[]): string =>
  [...names.slice(0, NAMES_SHOWN), ...(names.length > NAMES_SHOWN ? ['…'] : [])].join(', ')

const readPath = (value: unknown, path: readonly string[]): unknown => {
  let at = value
  for (const [depth, name] of path.entries()) {
    if (!isFields(at)) return refuse(`.${path.slice(0, depth).join('.')} has no fields`)
    if (!Object.hasOwn(at, name))
      return refuse(`there is no field .${path.slice(0, depth + 1).join('.')}; there are ${listSome(Object.keys(at))}`)
    at = at[name]
  }
  return at
}

const readIndex = (value: unknown, keys: readonly unknown[]): unknown => {
  let at = value
  for (const key of keys) {
    if (Array.isArray(at)) {
      if (typeof key !== 'number' || key < 0 || key >= at.length)
        return refuse(`${String(key)} is no place in a list of ${at.length}`)
      at = at[key]
    } else if (isFields(at)) at = Object.hasOwn(at, String(key)) ? at[String(key)] : ''
    else return refuse('index is of lists and of objects')
  }
  return at
}

/** As Go prints a value. */
const show = (value: unknown): string => {
  if (value === null || value === undefined) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(show).join(' ')}]`
  if (isFields(value)) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `map[${entries.map(([name, inner]) => `${name}:${show(inner)}`).join(' ')}]`
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replaceAll(CONTROL, '?')
}

const elements = (value: unknown): readonly unknown[] => {
  if (value === null || value === undefined) return []
  if (Array.isArray(value)) return value
  if (!isFields(value)) return refuse('range is over lists and objects')
  return Object.keys(value)
    .sort()
    .map((name) => value[name])
}

const call = (name: string, values: readonly unknown[]): string => {
  switch (name) {
    case 'json':
      // which leaves the second half of the control characters as they are
      return JSON.stringify(values[0]).replaceAll(
        /[\x7f-\x9f]/g,
        (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
      )
    case 'println':
      return `${values.map(show).join(' ')}\n`
    case 'index':
      return show(readIndex(values[0], values.slice(1)))
    default:
      return show(values[0])
  }
}

/** @throws Failure `cli.template` for what the value does not have. */
export const renderTemplate = (template: Template, value: unknown): string => {
  const read = (argument: Argument): unknown => ('path' in argument ? readPath(value, argument.path) : argument.value)
  return template
    .map((part) => {
      switch (part.kind) {
        case 'text':
          return part.text
        case 'call':
          return call(part.name, part.values.map(read))
        case 'range':
          return elements(read(part.over))
            .map((element) => renderTemplate(part.body, element))
            .join('')
      }
    })
    .join('')
}

export type Format = 'table' | 'json' | Template

/** @throws Failure `cli.flag` for what is none of them, `cli.template`. */
export const parseFormat = (text = 'table'): Format => {
  if (text === 'table' || text === 'json') return text
  if (text.startsWith('table ')) throw badFlag('--format takes a table as it is, or a template without one')
  if (text.includes('{{')) return parseTemplate(text)
  throw badFlag(`--format takes table, json, or a template as '{{.Id}}', not "${text}"`)
}
