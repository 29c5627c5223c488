/**
 * `!`: a shell where the step is, by nsenter(1): in the namespaces of the half-made process as they are now, or in those
 * of the node while there is none. Its root is that process's: the image's, once the root is switched.
 */
import { spawn } from 'node:child_process'
import { readlinkSync, statSync } from 'node:fs'
import type { AgentStatus, Graph } from '../api.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import type { Client } from '../client.ts'
import { printError } from '../output.ts'
import type { Stop } from './stage.ts'

/** As nsenter(1) calls them, and as /proc/PID/ns does; user first, it gives the right to enter the others. */
const FLAGS = { user: 'user', ipc: 'ipc', uts: 'uts', net: 'net', cgroup: 'cgroup', mnt: 'mount', pid: 'pid' } as const
type Name = keyof typeof FLAGS
const NAMES = Object.keys(FLAGS) as Name[]

/**
 * On a terminal of its own, by script(1): the image's shell may be hostile, and what has our terminal can type into it
 * (TIOCSTI, ioctl_tty(2)).
 */
const onOwnTerminal = (words: readonly string[]): string[] => [
  'script',
  '--quiet',
  '--return',
  '--command',
  words.map(quoteWord).join(' '),
  '/dev/null',
]
/**
 * In another PID namespace no shell can name the process group that had the terminal before, and says so at its end.
 * The first one here says it to nobody, and is what the second one finds.
 */
const INSIDE = ['/bin/sh', '-mc', 'exec 3>&2 2>/dev/null; /bin/sh -i 2>&3 3>&-; exit $?']

interface Place {
  what: string
  pid: number
  /** Files of /proc/PID/ns that are not ours already. */
  enter: { name: Name; file: string }[]
}

const readNamespace = (pid: number | 'self', name: Name): string => readlinkSync(`/proc/${pid}/ns/${name}`)

const findOthers = (pid: number, names: readonly Name[] = NAMES): Place['enter'] =>
  names.flatMap((name) =>
    readNamespace(pid, name) === readNamespace('self', name) ? [] : [{ name, file: `/proc/${pid}/ns/${name}` }],
  )

/** The agent's user and mount namespace, and the network namespace with the bridge, once there is one. */
const findNode = async (client: Client): Promise<Place> => {
  const { pid } = await client.get<AgentStatus>('/glasspod/agent')
  const { rows, network } = await client.get<Graph>('/glasspod/graph')
  const net = rows.find(({ inodes }) => network.inode !== undefined && inodes['net'] === network.inode)
  return {
    what: `the node`,
    pid,
    enter: [...findOthers(pid), ...(net === undefined ? [] : findOthers(net.pid, ['net']))],
  }
}

const isSameRoot = (pid: number): boolean => {
  const [ours, its] = [statSync('/'), statSync(`/proc/${pid}/root/`)]
  return ours.dev === its.dev && ours.ino === its.ino
}

/** As an ordinary user we are root of the user namespace already; who was root becomes its root, and no more than that. */
const identity = () => (process.getuid?.() === 0 ? [] : ['--preserve-credentials'])

const openAt = async ({ pid, what, enter }: Place, id: string): Promise<void> => {
  const switched = !isSameRoot(pid)
  printError(`a shell in the namespaces of ${what}: ${enter.map(({ name }) => name).join(' ') || 'ours'}`)
  printError(`its files are ${switched ? 'the image’s' : 'still the host’s'}; it is root in the node; exit leads back`)
  const flags = enter.map(({ name, file }) => `--${FLAGS[name]}=${file}`)
  const words = [
    ...['nsenter', `--target=${pid}`, ...flags, ...identity(), ...(switched ? ['--root'] : []), '--'],
    ...INSIDE,
  ]
  const [command = '', ...args] = onOwnTerminal(words)
  // A clean one: what it inherits would be the host's paths, and the caller's secrets in the image's hands.
  const { TERM = 'dumb', PATH = '/bin' } = process.env
  const env = { TERM, PATH: `${PATH}:/usr/sbin:/sbin`, PS1: `(${id}) # `, HOME: '/' }
  const child = spawn(command, args, { stdio: ['inherit', 2, 2], env })
  const code = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', resolve)
  })
  if (code === 127)
    printError(`${code}: ${switched ? 'has the image a /bin/sh? are' : 'are'} script and nsenter installed?`)
}

export const openShell = async (client: Client, { question: { pid }, found: { step } }: Stop): Promise<void> => {
  try {
    const place = pid === undefined ? await findNode(client) : { what: `process ${pid}`, pid, enter: findOthers(pid) }
    await openAt(place, step.id)
  } catch (error) {
    printError(`no shell here: ${error instanceof Error ? error.message : String(error)}`)
  }
}
