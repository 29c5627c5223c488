/** From the text of a file to trees with paths and lines. YAML 1.2, as JSON has it: no tags, no merge keys. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml'
import { Failure } from '../../errors.ts'
import type { Node } from './node.ts'

/** Anchors let a file of a few lines stand for billions of values: so many, in all, are looked at. */
const MOST_NODES = 20_000
const DEEPEST = 64

const refuse = (sentence: string): Failure =>
  new Failure(sentence, { id: 'play.yaml', see: 'docs/play.md', exitCode: 125, status: 400 })

/**
 * The documents of a file, without the empty ones. `file`: as messages shall name it.
 * @throws {Failure} `play.yaml`, with the line
 */
export const parseDocuments = (text: string, file: string): Node[] => {
  const lines = new LineCounter()
  const documents = parseText(text, file, {
    lineCounter: lines,
    schema: 'core',
    uniqueKeys: true,
    strict: true,
    logLevel: 'silent',
    prettyErrors: false,
  })
  const lineOf = (offset: number) => lines.linePos(offset).line
  if (!Array.isArray(documents)) return []
  const found = documents.flatMap(({ errors, warnings }) => [...errors, ...warnings])[0]
  if (found !== undefined) {
    const line = lineOf(found.pos[0])
    if (isOverflow(found.message)) throw tooDeep(file, line)
    throw refuse(`${file}:${line}: ${found.message.toLowerCase().replace(/[.:]\s*$/, '')}`)
  }
  const budget = { left: MOST_NODES }
  return documents.flatMap((document) => {
    const tree = convert(document.contents, { document, file, lineOf, budget }, '', 1, 0)
    return tree.kind === 'scalar' && tree.value === null ? [] : [tree]
  })
}

const tooDeep = (file: string, line: number) => refuse(`${file}:${line}: nested deeper than ${DEEPEST} levels`)

/** The parser calls itself for each level. */
const isOverflow = (message: string) => /call stack/i.test(message)

const parseText = (text: string, file: string, options: Parameters<typeof parseAllDocuments>[1]) => {
  try {
    return parseAllDocuments(text, options)
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(file, 1)
    throw error
  }
}

interface Context {
  document: Document
  file: string
  lineOf: (offset: number) => number
  budget: { left: number }
}

const convert = (value: unknown, context: Context, path: string, outer: number, depth: number): Node => {
  const { document, file, lineOf, budget } = context
  const range = (value as { range?: [number, number, number] | null } | null)?.range
  const line = range === undefined || range === null ? outer : lineOf(range[0])
  if (budget.left-- <= 0)
    throw refuse(`${file}:${line}: more than ${MOST_NODES} values, with those that aliases repeat`)
  if (depth > DEEPEST) throw tooDeep(file, line)
  if (value === null || value === undefined) return { kind: 'scalar', value: null, path, line }
  if (isAlias(value)) {
    const target = value.resolve(document)
    if (target === undefined) throw refuse(`${file}:${line}: no anchor is called '${value.source}'`)
    return convert(target, context, path, line, depth + 1)
  }
  if (isMap(value)) {
    const entries = new Map<string, Node>()
    for (const { key, value: item } of value.items) {
      if (!isScalar(key) || typeof key.value !== 'string')
        throw refuse(`${file}:${line}: a key is no string: ${String(key)}`)
      const at = key.range ? lineOf(key.range[0]) : line
      const name = /^[\w-]+$/.test(key.value) ? key.value : JSON.stringify(key.value)
      const node = convert(item, context, path === '' ? name : `${path}.${name}`, at, depth + 1)
      entries.set(key.value, node)
    }
    return { kind: 'map', entries, path, line }
  }
  if (isSeq(value))
    return {
      kind: 'list',
      items: value.items.map((item, index) => convert(item, context, `${path}[${index}]`, line, depth + 1)),
      path,
      line,
    }
  if (isScalar(value)) {
    const scalar = value.value
    if (scalar === null || ['string', 'number', 'boolean'].includes(typeof scalar))
      return { kind: 'scalar', value: scalar as string | number | boolean | null, path, line }
  }
  throw refuse(`${file}:${line}: ${path}: neither text, number, flag, list nor mapping`)
}
