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

const invalid = (sentence: string) =>
  new Failure(sentence, {
    id: 'ps.filter',
    try: `one of ${KNOWN.join(', ')}: --filter name=web`,
    status: 400,
    exitCode: 125,
  })

export const parseFilters = (text: string | null): Filters => {
  const filters: Filters = new Map()
  if (text === null || text === '') return filters
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalid('the filters are not JSON')
  }
  if (typeof value !== 'object' || value === null) throw invalid('the filters are not a JSON object')
  for (const [key, wanted] of Object.entries(value)) {
    if (!KNOWN.includes(key)) throw invalid(`invalid filter '${key}'`)
    if (typeof wanted !== 'object') throw invalid(`invalid filter '${key}': ${JSON.stringify(wanted)} is no list`)
    const words = (Array.isArray(wanted) ? (wanted as unknown[]) : Object.keys((wanted ?? {}) as object)).map(String)
    const wrong = words.find((word) => VALUES[key] !== undefined && !VALUES[key].test(word))
    if (wrong !== undefined) throw invalid(`invalid filter '${key}=${wrong}'`)
    if (words.length > 0) filters.set(key, words)
  }
  return filters
}

/** Of four digits or more: 'a' is no image. */
const isIdPrefix = (id: string, word: string): boolean =>
  /^(?:sha256:)?[0-9a-f]{4,64}$/.test(word) && id.replace(/^sha256:/, '').startsWith(word.replace(/^sha256:/, ''))

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
    default: {
      const [name = '', value] = word.split(/=(.*)/s)
      const labels = record.body.Labels ?? {}
      const label = Object.hasOwn(labels, name) ? labels[name] : undefined
      return label !== undefined && (value === undefined || label === value)
    }
  }
}

/** All kinds must match; of several words of a kind one, but every label. */
export const matchesFilters = (agent: Agent, container: Container, filters: Filters): boolean =>
  [...filters].every(([key, words]) =>
    key === 'label'
      ? words.every((word) => matches(agent, container, key, word))
      : words.some((word) => matches(agent, container, key, word)),
  )
