/**
 * `--step --without STEP-ID`: a plan with a step left out, to feel why it is there. What can be left out opens something
 * of this container alone; what keeps it apart from the others, or carries the plan, stays.
 */
import { Failure } from '../errors.ts'
import type { Call, Operand } from '../init/call.ts'
import type { Step } from './step.ts'

interface Leavable {
  id: RegExp
  /** What is so without it, for a warning. */
  opens: string
}

const LEAVABLE: readonly Leavable[] = [
  { id: /^uts\.hostname$/, opens: 'it is called as its node is' },
  { id: /^net\.loopback$/, opens: 'its 127.0.0.1 answers nobody, not even itself' },
  { id: /^net\.sysctl$/, opens: 'only its root may listen below port 1024, and nobody may ping' },
  { id: /^network\.attach$/, opens: 'it has no address, and nobody reaches it' },
  { id: /^cgroups\.(?!leaf$|pod$|pause$|controllers$|open$|enter$|kill$|remove$)/, opens: 'this limit does not hold' },
  { id: /^namespaces\.cgroup$/, opens: 'it sees the cgroups of the host' },
  { id: /^rootfs\.(overlay|copy)$/, opens: 'there is nothing to switch the root to' },
  { id: /^rootfs\.readonly$/, opens: 'it may write where it was to read only' },
  { id: /^mounts\.proc$/, opens: 'it has no /proc: no ps, no descriptors by name' },
  {
    id: /^mounts\.masked$/,
    opens: 'it reads what the kernel tells of the whole machine: /proc/kcore, /proc/timer_list',
  },
  { id: /^mounts\.readonly$/, opens: 'it may write to /proc/sys as far as its user namespace lets it' },
  { id: /^mounts\.(?!private$)/, opens: 'what was to be mounted there is not' },
  { id: /^devices\./, opens: 'its programs do not find that device' },
  { id: /^process\.bounding$/, opens: 'a setuid program may gain every capability again' },
  { id: /^process\.capabilities$/, opens: 'it keeps all capabilities of its user namespace' },
  { id: /^process\.seccomp$/, opens: 'every system call of the kernel is open to it' },
  { id: /^process\.no-new-privileges$/, opens: 'setuid programs work in it' },
  { id: /^process\.user$/, opens: 'it stays root of its user namespace' },
  { id: /^process\.(umask|rlimits|oom-score-adj|cwd)$/, opens: 'it inherits the agent’s' },
]

/** Why not, where it is not that something after it needs it. */
const KEPT: readonly { id: RegExp; why: string }[] = [
  {
    id: /^(namespaces\.|mounts\.private$|pause\.pid$)/,
    why: 'what it does would be done to the node, where all containers are',
  },
  { id: /^rootfs\.(pivot|move)$/, why: 'the files of this host, and of every other container, would be its own' },
  { id: /^(cgroups\.|pause\.cgroup$)/, why: 'nothing would hold it, and others would pay for what it takes' },
  { id: /^process\.descriptors$/, why: 'a descriptor of the host is a way out of the container, and to the others' },
  { id: /^process\.death-signal$/, why: 'when its monitor is killed it would run on, and nobody would know' },
]

/** What is so without it. Throws a Failure where it cannot be left out. */
export const findOpening = (id: string): string => {
  const leavable = LEAVABLE.find((entry) => entry.id.test(id))
  if (leavable !== undefined) return leavable.opens
  throw cannot(
    id,
    KEPT.find((entry) => entry.id.test(id))?.why ?? 'nothing could go on without it, or there is no such step',
  )
}

const cannot = (id: string, why: string): Failure =>
  new Failure(`${id} cannot be left out`, {
    id: 'step.without',
    status: 400,
    why,
    try: 'one that docs/see-through.md lists: mounts.proc, process.seccomp, net.loopback',
  })

/** Memory that an operand reads. */
const readsOf = (operand: Operand): string[] => {
  if (typeof operand !== 'object') return []
  if ('load' in operand) return [operand.load]
  return 'words' in operand ? operand.words.flatMap(readsOf) : []
}

/** What stays must not lead to what is gone, nor use what that would have opened. */
const assertWhole = (kept: readonly Call[], gone: readonly Call[]): void => {
  const results = new Map(gone.flatMap(({ result, id }) => (result === undefined ? [] : [[result.at, id]])))
  const labels = new Map(gone.flatMap(({ label, id }) => (label === undefined ? [] : [[label, id]])))
  for (const { result } of kept) if (result !== undefined) results.delete(result.at)
  for (const { id, args, onError, onZero } of kept) {
    const used = args.flatMap(readsOf).find((name) => results.has(name))
    const needed =
      (used === undefined ? undefined : results.get(used)) ?? labels.get(onError ?? '') ?? labels.get(onZero ?? '')
    if (needed !== undefined) throw cannot(needed, `${id} uses what it makes`)
  }
}

/** The list without these steps, and without these calls in its programs. */
export const leaveOut = (steps: readonly Step[], ids: ReadonlySet<string>): readonly Step[] => {
  if (ids.size === 0) return steps
  return steps.flatMap((step): Step[] => {
    if (step.kind !== 'enter') return ids.has(step.id) ? [] : [step]
    const inside = step.inside.filter(({ id }) => !ids.has(id))
    assertWhole(
      inside,
      step.inside.filter(({ id }) => ids.has(id)),
    )
    return [{ ...step, inside }]
  })
}
