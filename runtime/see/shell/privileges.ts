/**
 * Who the process is and what it may do, by setpriv(1) of util-linux and of busybox. After the root switch only busybox
 * is left, and its setpriv can do nothing but let go; so ids and bounding set are set before, with the few capabilities
 * that the switch takes kept as ambient ones, and those are let go last.
 */
import type { CallGroup } from '../../plan/groups.ts'
import { callOf, callsOf, namesOf, numberOf, shownOf, wordsOf } from './operands.ts'
import type { Quote } from './words.ts'

/** What the calls of the steps `process.*` say, together. */
export interface Process {
  dropped: string[]
  uid: number
  gid: number
  groups: number[]
  umask: string
  inheritable: string[]
  ambient: string[]
  noNewPrivileges: boolean
  cwd: string
  /** Where the program is looked for, in order. */
  candidates: string[]
  args: string[]
  env: string[]
}

export const makeProcess = (): Process => ({
  dropped: [],
  uid: 0,
  gid: 0,
  groups: [],
  umask: '0022',
  inheritable: [],
  ambient: [],
  noNewPrivileges: false,
  cwd: '/',
  candidates: [],
  args: [],
  env: [],
})

const short = (capability: string): string => capability.replace(/^CAP_/, '').toLowerCase()

/** `inheritable=1<<CAP_CHOWN|1<<CAP_KILL}` of capset(2). */
const readSet = (shown: string, set: string): string[] =>
  [...(new RegExp(`${set}=([^,}]*)`).exec(shown)?.[1] ?? '').matchAll(/CAP_[A-Z_]+/g)].map(([name]) => name)

/** Takes what a step says. */
export const readStep = (group: CallGroup, process: Process): void => {
  for (const { call, args } of group.calls) {
    const [option] = namesOf(args[0])
    if (call === 'prctl' && option === 'PR_CAPBSET_DROP') process.dropped.push(...namesOf(args[1]))
    if (call === 'prctl' && option === 'PR_CAP_AMBIENT') process.ambient.push(...namesOf(args[2]))
    if (call === 'prctl' && option === 'PR_SET_NO_NEW_PRIVS') process.noNewPrivileges = true
    if (call === 'setresuid') process.uid = numberOf(args[0])
    if (call === 'setresgid') process.gid = numberOf(args[0])
    if (call === 'setgroups') process.groups = [...shownOf(args[1]).matchAll(/\d+/g)].map(([digits]) => Number(digits))
    if (call === 'umask') process.umask = namesOf(args[0])[0] ?? '0022'
    if (call === 'capset') process.inheritable = readSet(shownOf(args[1]), 'inheritable')
  }
}

/** A limit is inherited, so it is set where its step stands: by prlimit(1), of the shell itself. */
export const formatLimit = (group: CallGroup): string => {
  const { args } = callOf(group, 'prlimit64')
  const [soft = '', hard = ''] = [...shownOf(args[2]).matchAll(/=(\d+)/g)].map(([, digits = '']) => digits)
  const shownLimit = (digits: string) => (BigInt(digits) >= 2n ** 64n - 1n ? 'unlimited' : digits)
  const name = (namesOf(args[1])[0] ?? '').replace('RLIMIT_', '').toLowerCase()
  return `prlimit --pid $$ --${name}=${shownLimit(soft)}:${shownLimit(hard)}`
}

/** The directories of PATH in turn, each once: the second pass of the program only tells 126 from 127. */
export const readExecution = (group: CallGroup, process: Process): void => {
  const executions = callsOf(group, 'execve')
  process.candidates = [...new Set(executions.map(({ args }) => args[0]).filter((path) => typeof path === 'string'))]
  process.args = wordsOf(executions[0]?.args[1])
  process.env = wordsOf(executions[0]?.args[2])
}

/** What pivot_root(2) and the letting go take. */
const SWITCH = ['sys_admin']
/** What becoming another user and dropping the bounding set take. */
const BECOME = ['setpcap', 'setuid', 'setgid']

/** What the program is given beyond the bounding set. */
const keptOf = ({ ambient, inheritable }: Process): Set<string> => new Set([...ambient, ...inheritable].map(short))

const sign = (names: readonly string[], mark: string): string => names.map((name) => `${mark}${name}`).join(',')

const keep = (names: readonly string[]): string =>
  `--inh-caps -all,${sign(names, '+')} --ambient-caps -all,${sign(names, '+')}`

/** Arguments of one or more setpriv(1) in front of the program that switches the root. */
export const formatBecome = (process: Process): string[] => {
  const { dropped, uid, gid, groups } = process
  const own = [...keptOf(process)].filter((name) => !SWITCH.includes(name))
  const switching = [...SWITCH, ...own]
  const becoming = [...new Set([...switching, ...BECOME])]
  const bounding = dropped.length === 0 ? '' : ` --bounding-set ${sign(dropped.map(short), '-')}`
  const ids = `--regid ${gid} ${groups.length === 0 ? '--clear-groups' : `--groups ${groups.join(',')}`}`
  const last = `setpriv${bounding} ${keep(switching)} --pdeathsig KILL --`
  if (uid === 0) return [`setpriv ${ids} ${keep(becoming)} --`, last]
  return [
    // else the kernel takes all capabilities from who becomes an ordinary user (capabilities(7), "Effect of user ID changes")
    `setpriv --securebits +no_setuid_fixup ${keep(becoming)} --`,
    `setpriv --reuid ${uid} ${ids} --`,
    last.replace('setpriv', 'setpriv --securebits -no_setuid_fixup'),
  ]
}

/** The last words of the script: where the program is looked for, what is let go, and the program. */
export const formatExecution = (process: Process, quote: Quote): string[] => {
  const { candidates, args, env, cwd, umask, noNewPrivileges } = process
  const [program = '', ...rest] = args
  const kept = keptOf(process)
  const letGo = SWITCH.filter((name) => !kept.has(name))
  const caps = letGo.length === 0 ? '' : ` --ambient-caps ${sign(letGo, '-')} --inh-caps ${sign(letGo, '-')}`
  return [
    `cd ${quote(cwd)}`,
    `umask ${umask}`,
    'found=127',
    `for program in ${candidates.map(quote).join(' ')}; do`,
    '  [ -e "$program" ] || continue',
    '  found=126',
    '  [ -x "$program" ] && [ ! -d "$program" ] || continue',
    `  exec setpriv${caps}${noNewPrivileges ? ' --nnp' : ''} env -i \\`,
    ...env.map((entry) => `    ${quote(entry)} \\`),
    `    "$program"${rest.map((word) => ` ${quote(word)}`).join('')}`,
    'done',
    `echo "error: ${program.replace(/[^\w./-]/g, '?')} cannot be executed in this container" >&2`,
    'exit $found',
  ]
}
