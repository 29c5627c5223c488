/**
 * The part of TOML 1.0 that configuration files of containers(5) use: comments, tables and arrays of tables, keys with
 * and without quotes and dots, strings, whole numbers, booleans, arrays and inline tables. The rest (dates, fractions,
 * strings over several lines) is refused with its line, never guessed. Pure.
 */
export type TomlValue = string | number | boolean | TomlValue[] | TomlTable
export interface TomlTable {
  [key: string]: TomlValue
}

export class TomlError extends Error {
  readonly line: number
  constructor(problem: string, line: number) {
    super(`line ${line}: ${problem}`)
    this.line = line
  }
}

const BARE_KEY = /[A-Za-z0-9_-]+/y
const NUMBER = /[+-]?(?:0|[1-9](?:_?\d)*)(?![\w.:-])/y
const WORD = /(?:true|false)(?![\w-])/y
const LITERAL = /'([^'\n]*)'/y
const BASIC = /"((?:[^"\\\n]|\\.)*)"/y
const SPACE = /[ \t]*/y
const FILLING = /(?:[ \t\r\n]|#[^\n]*)*/y
const LINE_END = /[ \t]*(?:#[^\n]*)?(?:\r?\n|$)/y

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '\\': '\\' }

const isTable = (value: TomlValue | undefined): value is TomlTable =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const newTable = (): TomlTable => Object.create(null) as TomlTable

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  fail(problem: string): never {
    throw new TomlError(problem, this.#text.slice(0, this.#at).split('\n').length)
  }

  match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found === null) return undefined
    this.#at = pattern.lastIndex
    return found
  }

  take(text: string): boolean {
    if (!this.#text.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  expect(text: string): void {
    if (!this.take(text)) this.fail(`${JSON.stringify(text)} is missing`)
  }

  string(): string | undefined {
    if (this.#text.startsWith('"""', this.#at) || this.#text.startsWith("'''", this.#at)) {
      this.fail('strings over several lines are not read')
    }
    const literal = this.match(LITERAL)
    if (literal !== undefined) return literal[1] ?? ''
    const basic = this.match(BASIC)
    return basic?.[1]?.replace(/\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)/g, (_, escape: string) => {
      const plain = ESCAPES[escape]
      if (plain !== undefined) return plain
      const code = Number.parseInt(escape.slice(1), 16)
      if (escape.length === 1 || code > 0x10ffff) this.fail(`\\${escape} is no escape`)
      return String.fromCodePoint(code)
    })
  }

  key(): string[] {
    const parts: string[] = []
    do {
      this.match(SPACE)
      const part = this.match(BARE_KEY)?.[0] ?? this.string()
      if (part === undefined) return this.fail('a key is missing')
      parts.push(part)
      this.match(SPACE)
    } while (this.take('.'))
    return parts
  }

  value(): TomlValue {
    const text = this.string()
    if (text !== undefined) return text
    const word = this.match(WORD)
    if (word !== undefined) return word[0] === 'true'
    const number = this.match(NUMBER)
    if (number !== undefined) return Number(number[0].replaceAll('_', ''))
    if (this.take('[')) return this.#array()
    if (this.take('{')) return this.#inlineTable()
    return this.fail('a value is missing, or of a kind that is not read here')
  }

  #array(): TomlValue[] {
    const items: TomlValue[] = []
    for (;;) {
      this.match(FILLING)
      if (this.take(']')) return items
      items.push(this.value())
      this.match(FILLING)
      if (this.take(']')) return items
      this.expect(',')
    }
  }

  #inlineTable(): TomlTable {
    const table = newTable()
    this.match(SPACE)
    if (this.take('}')) return table
    for (;;) {
      this.assign(table)
      this.match(SPACE)
      if (this.take('}')) return table
      this.expect(',')
    }
  }

  assign(table: TomlTable): void {
    const path = this.key()
    this.expect('=')
    this.match(SPACE)
    const value = this.value()
    const name = path.at(-1) ?? ''
    const holder = this.descend(table, path.slice(0, -1))
    if (holder[name] !== undefined) this.fail(`${path.join('.')} is set twice`)
    holder[name] = value
  }

  /** The table at a path; of an array of tables its last one. */
  descend(from: TomlTable, path: readonly string[]): TomlTable {
    return path.reduce((table, part) => {
      const here = (table[part] ??= newTable())
      const inner = Array.isArray(here) ? here.at(-1) : here
      return isTable(inner) ? inner : this.fail(`${part} is not a table`)
    }, from)
  }
}

/** @throws TomlError with the line. */
export const parseToml = (text: string): TomlTable => {
  const root = newTable()
  const reader = new Reader(text.replace(/^\ufeff/, ''))
  const opened = new Set<TomlTable>()
  let table = root
  for (;;) {
    reader.match(FILLING)
    if (reader.isAtEnd) return root
    if (reader.take('[[')) {
      const path = reader.key()
      reader.expect(']]')
      const holder = reader.descend(root, path.slice(0, -1))
      const list = (holder[path.at(-1) ?? ''] ??= [])
      if (!Array.isArray(list)) reader.fail(`${path.join('.')} is not an array of tables`)
      else list.push((table = newTable()))
    } else if (reader.take('[')) {
      const path = reader.key()
      reader.expect(']')
      table = reader.descend(root, path)
      if (opened.has(table)) reader.fail(`table ${path.join('.')} is there twice`)
      opened.add(table)
    } else reader.assign(table)
    if (reader.match(LINE_END) === undefined) reader.fail('there is more on the line than one setting')
  }
}
