import { readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { errnoOf, Failure } from '../../errors.ts'
import { type IdMaps, type IdRange, readIdMaps, readNodeMaps, toContainer, toHost } from '../../see/host/id-map.ts'
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

const statFile = (path: string): Owner | undefined => {
  try {
    return statSync(path)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && !path.includes('/')) return undefined
    throw new Failure(`${path}: ${errnoOf(error) ?? String(error)}`, { id: 'ids.file', try: `ls -ld ${path}` })
  }
}

/** The effective ids of its first process, as we see them (proc(5)). */
const parseOwner = (status: string): Record<Kind, number> => {
  const read = (name: string) => Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { user: read('Uid'), group: read('Gid') }
}

const askContainer = async (name: string, client: Client | undefined): Promise<Pair[]> => {
  if (client === undefined) {
    throw new Failure(`${name} is no id, no file, and no agent runs that could know a container of that name`, {
      id: 'ids.unknown',
      try: 'glasspod ids, which shows the whole map',
    })
  }
  const { State } = await client.get<{ State: { Pid: number } }>(`/containers/${segment(name)}/json`)
  if (State.Pid === 0)
    throw new Failure(`container ${name} does not run`, { id: 'ids.stopped', try: `glasspod start ${name}` })
  const maps = readIdMaps(State.Pid)
  return fromHost(parseOwner(readFileSync(`/proc/${State.Pid}/status`, 'utf8')), name, maps)
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
    const pairs = isId
      ? explainId(Number(word), maps)
      : file === undefined
        ? await askContainer(word, client)
        : fromHost({ user: file.uid, group: file.gid }, word, maps)
    if (format === 'json') printJson(pairs)
    else print(formatPairs(pairs))
  },
})
