/** Ids and names of pods and containers, and how a user's words find them again (docker's order: name, id, prefix). */
import { randomBytes, randomInt } from 'node:crypto'
import { Failure } from '../errors.ts'

export const newId = (): string => randomBytes(32).toString('hex')
export const ID = /^[0-9a-f]{64}$/

/** As directories are called by it; one that is only imagined is a variable of a shell, and stays whole. */
export const shortId = (id: string): string => (id.startsWith('$') ? id : id.slice(0, 12))

const FIRST = [
  'brave',
  'calm',
  'clear',
  'eager',
  'fair',
  'gentle',
  'glad',
  'keen',
  'kind',
  'lucid',
  'merry',
  'neat',
  'open',
  'plain',
  'quick',
  'quiet',
  'sharp',
  'steady',
  'tidy',
  'warm',
]
const SECOND = [
  'beech',
  'birch',
  'cedar',
  'clover',
  'fern',
  'finch',
  'heron',
  'juniper',
  'lark',
  'linden',
  'maple',
  'otter',
  'plover',
  'robin',
  'rowan',
  'sorrel',
  'swift',
  'thrush',
  'willow',
  'wren',
]

/** A name that nobody has yet. */
export const inventName = (taken: (name: string) => boolean): string => {
  for (let round = 0; ; round++) {
    const name = `${FIRST[randomInt(FIRST.length)]}-${SECOND[randomInt(SECOND.length)]}${round < 5 ? '' : `-${randomInt(1e6)}`}`
    if (!taken(name)) return name
  }
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/

export const checkName = (name: string): string => {
  if (NAME.test(name)) return name
  throw new Failure(`invalid name '${name}'`, {
    id: 'name.invalid',
    try: 'letters, digits, _ . and -, the first one a letter or digit, 128 at most',
    exitCode: 125,
    status: 400,
  })
}

interface Named {
  id: string
  name: string
}

export const findByWord = <T extends Named>(all: Iterable<T>, word: string): T | undefined => {
  const things = [...all]
  const exact = things.find(({ id }) => id === word) ?? things.find(({ name }) => name === word)
  if (exact !== undefined || !/^[0-9a-f]{1,64}$/.test(word)) return exact
  const matches = things.filter(({ id }) => id.startsWith(word))
  if (matches.length > 1)
    throw new Failure(`${word} is the beginning of ${matches.length} ids`, {
      id: 'name.ambiguous',
      found: matches.map(({ id, name }) => `${id.slice(0, 12)} ${name}`).join(', '),
      try: 'more digits of the id, or the name',
      status: 409,
    })
  return matches[0]
}

export const unknownThing = (kind: 'container' | 'pod' | 'exec instance', word: string): Failure =>
  new Failure(`no such ${kind}: ${word}`, {
    id: `${kind.split(' ')[0]}.unknown`,
    try: kind === 'pod' ? 'glasspod pod ps' : 'glasspod ps -a',
    status: 404,
    exitCode: 125,
  })
