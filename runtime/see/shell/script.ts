/**
 * A plan as one POSIX script that makes the same container with util-linux, iproute2 and, after the root switch, nothing
 * but a static busybox. It never calls glasspod or node. The commands come from the steps that are run, see inside.ts.
 */
import { groupCalls } from '../../plan/groups.ts'
import type { Step } from '../../plan/step.ts'
import { findById, type ById } from '../by-id.ts'
import { renderInside, type Inside } from './inside.ts'
import { formatNetwork, type BridgeNetwork } from './network.ts'
import { formatBecome, formatExecution } from './privileges.ts'
import { FUNCTIONS, formatHead, formatStart, type ScriptHead } from './frame.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { comment, makeQuote, type Place, type Quote } from './words.ts'

export interface ShellInput extends ScriptHead {
  /** Steps of the pod, then of the container. */
  steps: readonly Step[]
  /** Arguments of unshare(1) for the user namespace of the node. */
  userNamespace: readonly string[]
  /** Directories of the plan that the script has its own of. */
  places: { container: string; pod: string; cgroup: string | undefined; leaf: string | undefined; layers: string }
  network: BridgeNetwork | undefined
}

/** What is glasspod's own bookkeeping, by step. */
const OWN: ById = [
  [
    /^(pod|container)\.(record|directory|log)$/,
    'glasspod keeps a record; the script keeps its own directory until it ends',
  ],
  [/^bundle\.config$/, 'config.json is what the init program is compiled from; here the commands are below'],
  [/^pod\.(pause|memory)$/, 'in the stage "pod" below'],
  [/^network\.attach$/, 'in the stage "pod" below'],
  [/^container\.init$/, 'in the stages "monitor", "child" and "init" below'],
]

/** Ends the part that busybox runs. */
const HERE = 'INSIDE'

const isPause = ({ id, kind }: Step): boolean => id === 'pod.pause' && kind === 'enter'

const heading = (id: string, why: string, man: string): string[] => comment(`${id}: ${why} ${man}`)

/** The steps outside of a program that are commands: directories, files of cgroups, the pod's files. */
const formatOutside = (steps: readonly Step[], quote: Quote): string[] =>
  steps.flatMap((step) => {
    const note = findById(OWN, step.id)
    if (note !== undefined) return comment(`${step.id}: ${step.why} (${note})`)
    const head = heading(step.id, step.why, step.man)
    const guarded = step.id.startsWith('cgroups.') ? '[ -z "$CGROUP" ] || ' : ''
    if (step.kind === 'mkdir') {
      const mode = step.mode === undefined ? '' : ` -m ${step.mode.toString(8)}`
      return [...head, `${guarded}mkdir${mode} ${quote(step.path)}`]
    }
    if (step.kind === 'write') return [...head, `${guarded}echo ${quote(step.value)} >${quote(step.path)}`]
    if (step.id === 'pod.files') return [...head, 'write_files']
    throw new Error(`no shell is known for the step ${step.id}`)
  })

const entered = (steps: readonly Step[], id: string): Extract<Step, { kind: 'enter' }> | undefined =>
  steps.find((step): step is Extract<Step, { kind: 'enter' }> => step.id === id && step.kind === 'enter')

/** But not what is between << and its end. */
const indent = (lines: readonly string[]): string[] => {
  const [begin, end] = [lines.findIndex((line) => line.includes(`<<'${HERE}'`)), lines.indexOf(HERE)]
  return lines.map((line, index) => (line === '' || (index > begin && index <= end) ? line : `  ${line}`))
}

const stage = (name: string, about: string, lines: readonly string[]): string[] => [
  '',
  ...comment(about),
  `${name}() {`,
  ...indent(lines),
  '}',
]

const unshare = (flags: readonly string[], next: string): string =>
  `exec unshare ${[...new Set(flags)].join(' ')} -- sh "$SCRIPT" ${next}`

/** Before the pod's namespaces: what unshare(1) is asked for by the plan's own step. */
const formatPod = (input: ShellInput, quote: Quote): { flags: string[]; lines: string[] } => {
  const pause = entered(input.steps, 'pod.pause')
  const flags = (pause?.argv ?? []).filter((arg) => typeof arg === 'string').filter((arg) => /^--[a-z]/.test(arg))
  const inside = pause === undefined ? undefined : renderInside(groupCalls(pause.inside), quote)
  const network = input.steps.some(({ id }) => id === 'network.attach') ? input.network : undefined
  return {
    flags,
    lines: [
      ...(inside?.lines.monitor ?? []),
      '"$BUSYBOX" hostname >"$POD/hostname"',
      ...(network === undefined ? [] : formatNetwork(network)),
    ],
  }
}

const formatInit = ({ lines, switchRoot, process }: Inside): string[] => [
  'R=$CONTAINER/rootfs',
  'mkdir -p "$R"',
  ...lines.init,
  ...comment('What is left is done by busybox, which was opened while the host could still be seen.'),
  `inside=$(cat <<'${HERE}'`,
  'set -e',
  ...switchRoot,
  ...formatExecution(process, quoteWord),
  HERE,
  ')',
  'export inside',
  'cd "$R"',
  ...formatBecome(process).map((words, index) => `${index === 0 ? 'exec ' : '  '}${words} \\`),
  `  "$BUSYBOX" sh -c "$inside" inside`,
]

/** @returns the script, ending in a newline */
export const formatShell = (input: ShellInput): string => {
  const { container, pod, cgroup, leaf, layers } = input.places
  const places: Place[] = [
    { path: container, variable: 'CONTAINER' },
    { path: pod, variable: 'POD' },
    { path: layers, variable: 'LAYERS' },
    ...(leaf === undefined ? [] : [{ path: leaf, variable: 'LEAF' }]),
    ...(cgroup === undefined ? [] : [{ path: cgroup, variable: 'CGROUP' }]),
  ]
  const quote = makeQuote(places)
  const init = entered(input.steps, 'container.init')
  if (init === undefined) throw new Error('the plan starts no container')
  const inside = renderInside(groupCalls(init.inside), quote)
  const made = formatPod(input, quote)
  const limited = input.steps.some(({ id }) => /^cgroups\.(memory|cpu|cpuset|pids|io)\./.test(id))
  return [
    ...formatHead(input, { limited, layers, wantsCgroup: cgroup !== undefined }),
    ...FUNCTIONS,
    ...formatStart(input.userNamespace, made.flags),
    ...stage('node', 'In the user namespace: root here, an ordinary user outside.', [
      ...formatOutside(
        input.steps.filter((step) => !isPause(step)),
        quote,
      ),
      'NODE=$$',
      'export NODE',
      ...comment('pod.pause: this shell stays, so that the namespaces of the pod have somebody to come back to'),
      `unshare ${made.flags.join(' ')} -- sh "$SCRIPT" pod <&3 3<&- &`,
      'wait_for $!',
    ]),
    ...stage('pod', 'In the namespaces of the pod.', [
      ...made.lines,
      ...inside.lines.pod,
      unshare(inside.unshare.monitor, 'monitor'),
    ]),
    ...stage('monitor', 'Outside of the container: it forks its first process and waits for it.', [
      ...inside.lines.monitor,
      'exec 3<&0',
      'sh "$SCRIPT" child <&3 3<&- &',
      'wait_for $!',
    ]),
    ...stage('child', 'The first process of the container, still with the mounts of the host.', [
      ...inside.lines.child,
      unshare(inside.unshare.child, 'init'),
    ]),
    ...stage(
      'init',
      'In all namespaces of the container: the mounts, the root switch, the program.',
      formatInit(inside),
    ),
    '',
    '"${1:-start}"',
    '',
  ].join('\n')
}
