import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { errnoOf, Failure, isFailure } from '../../errors.ts'
import { type IdMaps, type IdRange, readIdMaps, readNodeMaps, toContainer, toHost } from '../../see/host/id-map.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import type { Client } from '../client.ts'
import { segment } from '../client.ts'
import { print, printJson } from '../output.ts'
import { formatTable } from '../table.ts'
import { FORMAT, defineVerb } from '../verb.ts'

type Kind = 'user' | 'group'

/** null: there is no such id on that side. */
export interface Pair {
  kind: Kind
  container: number | null
  host: number | null
  of: string
}

const rangesOf = (maps: IdMaps, kind: Kind): IdRange[] => (kind === 'user' ? maps.users : maps.groups)
const KINDS: readonly Kind[] = ['user', 'group']

const fromHost = (ids: Record<Kind, number>, of: string, maps: IdMaps): Pair[] =>
  KINDS.map((kind) => ({ kind, container: toContainer(ids[kind], rangesOf(maps, kind)) ?? null, host: ids[kind], of }))

/** A number is asked both ways: as an id of a container, and as one of the host. */
export const explainId = (id: number, maps: IdMaps): Pair[] => [
  ...KINDS.map((kind) => ({
    kind,
    container: id,
    host: toHost(id, rangesOf(maps, kind)) ?? null,
    of: `container ${id}`,
  })),
  ...fromHost({ user: id, group: id }, `host ${id}`, maps),
]

export const formatPairs = (pairs: readonly Pair[]): string =>
  formatTable(
    ['ID OF', 'KIND', 'CONTAINER', 'HOST'],
    pairs.map(({ of, kind, container, host }) => [
      of,
      kind,
      container?.toString() ?? 'none (65534)',
      host?.toString() ?? 'none',
    ]),
  )

const formatRange = (first: number, count: number): string =>
  count === 1 ? `${first}` : `${first}-${first + count - 1}`

export const formatMaps = (maps: IdMaps): string =>
  formatTable(
    ['KIND', 'CONTAINER', 'HOST', 'COUNT'],
    KINDS.flatMap((kind) =>
      rangesOf(maps, kind).map(({ inside, outside, count }) => [
        kind,
        formatRange(inside, count),
        formatRange(outside, count),
        count.toString(),
      ]),
    ),
  )

interface Owner {
  uid: number
  gid: number
}

/** Undefined: there is none; a failure: there is one that cannot be looked at, which is nobody's matter if a container is meant. */
const statFile = (path: string): Owner | Failure | undefined => {
  try {
    return statSync(path)
  } catch (error) {
    const errno = errnoOf(error) ?? String(error)
    if (errno === 'ENOENT' && !path.includes('/')) return undefined
    if (errno !== 'EACCES')
      return new Failure(`${path}: ${errno}`, { id: 'ids.file', try: `ls -ld ${quoteWord(path)}` })
    return new Failure(`${path}: EACCES (permission denied)`, {
      id: 'ids.file',
      why: 'who owns a file is told to those who may search every directory on the way to it',
      try: `glasspod ids $(sudo stat --format=%u ${quoteWord(path)})`,
      see: 'path_resolution(7)',
    })
  }
}

/** The effective ids of its first process, as we see them (proc(5)). */
const parseOwner = (status: string): Record<Kind, number> => {
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { user: read('Uid'), group: read('Gid') }
}

/** Undefined: there is no container of that name. */
const askContainer = async (name: string, client: Client): Promise<Pair[] | undefined> => {
  const answer = await client
    .get<{ State: { Pid: number } }>(`/containers/${segment(name)}/json`)
    .catch((error: unknown) => {
      if (isFailure(error) && error.facts.status === 404) return undefined
      throw error
    })
  if (answer === undefined) return undefined
  const pid = answer.State.Pid
  if (pid === 0)
    throw new Failure(`container ${name} does not run`, { id: 'ids.stopped', try: `glasspod start ${name}` })
  return fromHost(parseOwner(readFileSync(`/proc/${pid}/status`, 'utf8')), name, readIdMaps(pid))
}

/** A container first, as with the other verbs: a file of the same name is ./NAME. */
const askWord = async (word: string, file: Owner | Failure | undefined, client: Client | undefined, maps: IdMaps) => {
  const container = client === undefined || word.includes('/') ? undefined : await askContainer(word, client)
  if (container !== undefined) return container
  if (isFailure(file)) throw file
  if (file !== undefined) return fromHost({ user: file.uid, group: file.gid }, word, maps)
  const unknown = client === undefined ? 'no agent runs that could know a container of that name' : 'no container'
  throw new Failure(`${word} is no id, no file, and ${unknown}`, {
    id: 'ids.unknown',
    try: 'glasspod ids, which shows the whole map; glasspod ps',
  })
}

export const verb = defineVerb({
  options: { format: FORMAT },
  operands: { usage: '[CONTAINER|FILE|ID]', min: 0, max: 1 },
  example: 'glasspod ids /srv/data',
  async run({ options: { format }, operands: [word], root, runningAgent }) {
    const isId = word !== undefined && /^\d{1,10}$/.test(word)
    // before the agent is asked: root sees the file, the system user that it then becomes may not
    const file = word === undefined || isId ? undefined : statFile(word)
    const client = await runningAgent()
    const who = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, user: userInfo().username }
    const maps = readNodeMaps(root, who)
    if (word === undefined) return format === 'json' ? printJson(maps) : print(formatMaps(maps))
    const pairs = isId ? explainId(Number(word), maps) : await askWord(word, file, client, maps)
    if (format === 'json') printJson(pairs)
    else print(formatPairs(pairs))
  },
})
