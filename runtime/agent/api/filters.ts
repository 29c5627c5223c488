/** `ps --filter`, as the Docker API sends it: {"name":["web"],"status":["running"]}; older clients send {"web":true}. */
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import { Failure } from '../../errors.ts'
import { stateOf } from './describe.ts'

export type Filters = Map<string, string[]>

const KNOWN = ['name', 'id', 'status', 'label', 'pod', 'ancestor', 'exited']

const VALUES: Record<string, RegExp> = {
  status: /^(?:created|running|exited|paused|restarting|removing|dead)$/,
  exited: /^\d{1,3}$/,
}

/** Which keys there are, which values some of them take, and how an example looks. */
export interface FilterGrammar {
  readonly id: string
  readonly known: readonly string[]
  readonly values: Readonly<Record<string, RegExp>>
  readonly example: string
}

const CONTAINERS: FilterGrammar = { id: 'ps.filter', known: KNOWN, values: VALUES, example: 'name=web' }

export const parseFilters = (text: string | null, grammar: FilterGrammar = CONTAINERS): Filters => {
  const filters: Filters = new Map()
  if (text === null || text === '') return filters
  const invalid = (sentence: string) =>
    new Failure(sentence, {
      id: grammar.id,
      try: `one of ${grammar.known.join(', ')}: --filter ${grammar.example}`,
      status: 400,
      exitCode: 125,
    })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('the filters are not JSON')
  }
  if (typeof value !== 'object' || value === null) throw invalid('the filters are not a JSON object')
  for (const [key, wanted] of Object.entries(value)) {
    if (!grammar.known.includes(key)) throw invalid(`invalid filter '${key}'`)
    if (typeof wanted !== 'object') throw invalid(`invalid filter '${key}': ${JSON.stringify(wanted)} is no list`)
    const words = (Array.isArray(wanted) ? (wanted as unknown[]) : Object.keys((wanted ?? {}) as object)).map(String)
    const wrong = words.find((word) => grammar.values[key] !== undefined && !grammar.values[key].test(word))
    if (wrong !== undefined) throw invalid(`invalid filter '${key}=${wrong}'`)
    if (words.length > 0) filters.set(key, words)
  }
  return filters
}

/** Of four digits or more: 'a' is no image. */
const isIdPrefix = (id: string, word: string): boolean =>
  /^(?:sha256:)?[0-9a-f]{4,64}$/.test(word) && id.replace(/^sha256:/, '').startsWith(word.replace(/^sha256:/, ''))

/** `NAME` or `NAME=VALUE`. */
export const hasLabel = (labels: Readonly<Record<string, string>>, word: string): boolean => {
  const [name = '', value] = word.split(/=(.*)/s)
  const label = Object.hasOwn(labels, name) ? labels[name] : undefined
  return label !== undefined && (value === undefined || label === value)
}

const matches = (agent: Agent, container: Container, key: string, word: string): boolean => {
  const { record } = container
  switch (key) {
    case 'name':
      return record.name.includes(word.replace(/^\//, ''))
    case 'id':
      return record.id.startsWith(word)
    case 'status':
      return stateOf(agent, container) === word
    case 'exited':
      return record.status === 'exited' && record.exitCode === Number(word)
    case 'ancestor':
      return record.image.name === word || isIdPrefix(record.image.id, word)
    case 'pod': {
      const pod = agent.pods.all.get(record.podId)
      return pod !== undefined && !pod.implicit && (pod.name === word || pod.id.startsWith(word))
    }
    default:
      return hasLabel(record.body.Labels ?? {}, word)
  }
}

/** All kinds must match; of several words of a kind one, but every label. */
export const matchesFilters = (agent: Agent, container: Container, filters: Filters): boolean =>
  [...filters].every(([key, words]) =>
    key === 'label'
      ? words.every((word) => matches(agent, container, key, word))
      : words.some((word) => matches(agent, container, key, word)),
  )
