/** A manifest as a tree in which each value knows its path and line, and how typed values are taken out of it. */
import { Failure } from '../../errors.ts'

interface Place {
  /** `spec.containers[0].image`; empty for the document. */
  path: string
  /** In the file, from 1. */
  line: number
}

export type Scalar = string | number | boolean | null

export type MapNode = Place & { kind: 'map'; entries: ReadonlyMap<string, Node> }
export type ListNode = Place & { kind: 'list'; items: readonly Node[] }
export type ScalarNode = Place & { kind: 'scalar'; value: Scalar }
export type Node = MapNode | ListNode | ScalarNode

/** `web.yaml:12: spec.containers[0].tty: ...`, one line whatever the manifest says; `file`: as messages shall name it. */
const formatPlace = (file: string, { path, line }: Place, what: string): string =>
  `${file}:${line}: ${path === '' ? '' : `${path}: `}${what.replaceAll('\n', '\\n')}`

/** So many are told at once; a file of nonsense is not told whole. */
const TOLD = 10

/** All that is wrong with a file, found in one pass. */
export class Problems {
  private readonly file: string
  private readonly found: string[] = []

  constructor(file: string) {
    this.file = file
  }

  add(place: Place, what: string): undefined {
    this.found.push(formatPlace(this.file, place, what))
    return undefined
  }

  /** @throws {Failure} `play.manifest`: the first problem, and under `found` the others */
  throwIfAny(): void {
    const [first, ...others] = this.found
    if (first === undefined) return
    const told = others.slice(0, TOLD)
    const rest = others.length - told.length
    throw new Failure(first, {
      id: 'play.manifest',
      found: others.length === 0 ? undefined : [...told, ...(rest > 0 ? [`and ${rest} more`] : [])].join('\n        '),
      see: 'docs/play.md',
      exitCode: 125,
      status: 400,
    })
  }
}

type Reader<T> = (node: Node, problems: Problems) => T | undefined

const nounOf = (node: Node): string =>
  node.kind === 'map'
    ? 'a mapping'
    : node.kind === 'list'
      ? 'a list'
      : node.value === null
        ? 'nothing'
        : `the ${typeof node.value} ${JSON.stringify(node.value)}`

const wrong = (node: Node, problems: Problems, noun: string): undefined =>
  problems.add(node, `must be ${noun}, not ${nounOf(node)}`)

/** A text; what YAML reads as a number or a flag must be quoted, as Kubernetes has it. */
export const readText: Reader<string> = (node, problems) => {
  if (node.kind !== 'scalar' || typeof node.value !== 'string')
    return wrong(node, problems, node.kind === 'scalar' && node.value !== null ? 'a string (quote it)' : 'a string')
  return node.value.includes('\0') ? problems.add(node, 'has a NUL byte in it') : node.value
}

export const readFlag: Reader<boolean> = (node, problems) =>
  node.kind === 'scalar' && typeof node.value === 'boolean' ? node.value : wrong(node, problems, 'true or false')

/** A whole number within bounds, both of them allowed. */
export const wholeNumber =
  (least: number, most: number): Reader<number> =>
  (node, problems) =>
    node.kind === 'scalar' && Number.isInteger(node.value) && Number(node.value) >= least && Number(node.value) <= most
      ? Number(node.value)
      : wrong(node, problems, `a whole number from ${least} to ${most}`)

export const oneOf =
  <T extends string>(...words: readonly T[]): Reader<T> =>
  (node, problems) => {
    const text = readText(node, problems)
    if (text === undefined) return undefined
    return (
      words.find((word) => word === text) ?? problems.add(node, `must be one of ${words.join(', ')}, not '${text}'`)
    )
  }

export const matching =
  (pattern: RegExp, what: string): Reader<string> =>
  (node, problems) => {
    const text = readText(node, problems)
    if (text === undefined || pattern.test(text)) return text
    return problems.add(node, `'${text}' is not ${what}`)
  }

export const listOf =
  <T>(read: Reader<T>): Reader<T[]> =>
  (node, problems) =>
    node.kind === 'list' ? node.items.flatMap((item) => read(item, problems) ?? []) : wrong(node, problems, 'a list')

/** A mapping of texts, as labels are. */
export const readTexts: Reader<Record<string, string>> = (node, problems) => {
  if (node.kind !== 'map') return wrong(node, problems, 'a mapping')
  return Object.fromEntries(
    [...node.entries].flatMap(([name, item]) => {
      const text = readText(item, problems)
      return text === undefined ? [] : [[name, text]]
    }),
  )
}

/** A value that asks for nothing is no problem: `hostPID: false`. */
export const refusedUnless =
  (harmless: Scalar, reason: string): Reader<undefined> =>
  (node, problems) =>
    node.kind === 'scalar' && node.value === harmless ? undefined : problems.add(node, `not supported: ${reason}`)

/** The fields of a mapping, each by its reader. Absent and null are the same, as in Kubernetes. */
export interface FieldTable {
  readonly [field: string]: Reader<unknown>
}
export type FieldsOf<T extends FieldTable> = { [K in keyof T]?: Exclude<ReturnType<T[K]>, undefined> }

/** Why a field that Kubernetes has is not had here; undefined where Kubernetes has none of that name. */
type Refused = Readonly<Record<string, string>> | ((name: string) => string | undefined)

const reasonOf = (refused: Refused, name: string): string | undefined =>
  typeof refused === 'function' ? refused(name) : Object.hasOwn(refused, name) ? refused[name] : undefined

export const fields =
  <T extends FieldTable>(table: T, refused: Refused = {}): Reader<FieldsOf<T>> =>
  (node, problems) => {
    if (node.kind !== 'map') return wrong(node, problems, 'a mapping')
    const values: Record<string, unknown> = {}
    for (const [name, item] of node.entries) {
      if (item.kind === 'scalar' && item.value === null) continue
      if (Object.hasOwn(table, name)) {
        const value = table[name]?.(item, problems)
        if (value !== undefined) values[name] = value
        continue
      }
      const reason = reasonOf(refused, name)
      problems.add(item, reason === undefined ? 'unknown field' : `not supported yet: ${reason}`)
    }
    return values as FieldsOf<T>
  }

/** Which field must be there, and is not, is a problem of the mapping around it. */
export const requireField = (node: Node, problems: Problems, name: string, value: unknown): void => {
  const isThere = node.kind === 'map' && node.entries.has(name) && !isNull(node.entries.get(name))
  // there and wrong has been said
  if (value === undefined && !isThere) problems.add(node, `'${name}' is missing`)
}

const isNull = (node: Node | undefined) => node?.kind === 'scalar' && node.value === null
