/**
 * The death certificate: why a container ended, in one sentence, from evidence and nothing else. Pure; what the evidence
 * cannot tell is said to be unknown.
 */
import type { LeafEvents } from '../kernel/cgroups/events.ts'
import { formatMemorySize } from '../spec/memory-size.ts'
import { signalName } from '../spec/signals.ts'

/** Who asked for the end, and how. */
export interface Asked {
  /** As a user would type it: `stop`, `kill`, `rm -f`, `pod stop`. */
  verb: string
  signal: number
  /** RFC 3339. */
  at: string
  /** When the patience of `stop` ended and it was killed. */
  killedAt?: string
  /** Pid of the pause process without which its pod could not go on; then nobody but glasspod itself has asked. */
  lostPause?: number
}

export interface Evidence extends LeafEvents {
  /** Of wait(2), as a shell counts; undefined: the monitor was killed. */
  exitCode?: number
  signal?: number
  asked?: Asked
  /** Pid of the pause process that ended unasked, where that was process 1 of the PID namespace of this one too. */
  processOne?: number
  /** How often in this run the pod's own limit was hit, and that limit in bytes. */
  podOom?: number
  podLimit?: number
  /** OOM kills of the whole machine during the run: read only where there is no memory controller. */
  machineOomKills?: number
}

const SIGKILL = 9

const FAULTS: Record<string, string> = {
  SIGABRT: 'it gave up by itself (abort)',
  SIGBUS: 'it touched memory that is not there',
  SIGFPE: 'a division by zero, or another fault of arithmetic',
  SIGILL: 'an instruction that this processor does not have',
  SIGSEGV: 'it touched memory that is not its own',
  SIGSYS: 'a system call that its seccomp profile forbids',
  SIGXCPU: 'its limit of processor time (ulimit cpu) was reached',
  SIGXFSZ: 'its limit of file size (ulimit fsize) was reached',
}

/** Whether the OOM killer has ended a process of the container, its first or another. */
export const wasOomKilled = ({ memory }: Pick<Evidence, 'memory'>): boolean => (memory?.oomKill ?? 0) > 0

/** Whose limit it was. */
const describeLimit = ({ memory, memoryLimit, podOom = 0, podLimit }: Evidence): string => {
  const of = (limit: number | undefined) => (limit === undefined ? '' : ` of ${formatMemorySize(limit)}`)
  if ((memory?.oom ?? 0) > 0) return `its memory limit${of(memoryLimit)} was reached`
  if (podOom > 0) return `the memory limit${of(podLimit)} of its pod was reached`
  return 'the memory of the machine, or of a cgroup above its pod, was used up'
}

const describePeak = ({ memoryPeak }: Evidence): string =>
  memoryPeak === undefined ? '' : `; it used ${formatMemorySize(memoryPeak)} at most`

/** What speaks against the OOM killer, or that nothing does. */
const describeNoOom = ({ memory, machineOomKills }: Evidence): string => {
  if (memory !== undefined) return 'not by the OOM killer (memory.events has oom_kill 0)'
  if (machineOomKills === 0) return 'not by the OOM killer (it was not called on this machine meanwhile)'
  return 'and without the memory controller nobody can say whether by the OOM killer'
}

const byWhom = ({ verb, lostPause }: Asked): string => (lostPause === undefined ? `glasspod ${verb}` : 'glasspod')

const because = ({ lostPause }: Asked): string =>
  lostPause === undefined ? '' : `, because the pause process of its pod (pid ${lostPause}) had been ended from outside`

const describeKill = (evidence: Evidence): string => {
  const { asked, processOne } = evidence
  if (asked?.killedAt !== undefined) {
    const seconds = Math.round((Date.parse(asked.killedAt) - Date.parse(asked.at)) / 1000)
    return `${byWhom(asked)} asked with ${signalName(asked.signal)}, waited ${seconds} s, and killed it${because(asked)}`
  }
  if (asked?.signal === SIGKILL) return `${byWhom(asked)} killed it${because(asked)}`
  if (processOne !== undefined)
    return `the kernel ended it with its PID namespace: process 1 of that, the pause process of its pod (pid ${processOne}), had been ended from outside`
  if (wasOomKilled(evidence)) return `the OOM killer ended it: ${describeLimit(evidence)}${describePeak(evidence)}`
  return `killed by SIGKILL from outside: not by glasspod, ${describeNoOom(evidence)}`
}

const describeSignal = (evidence: Evidence, signal: number): string => {
  const name = signalName(signal)
  if (signal === SIGKILL) return describeKill(evidence)
  if (evidence.asked?.signal === signal)
    return `${name} ended it, which ${byWhom(evidence.asked)} had sent${because(evidence.asked)}`
  return FAULTS[name] === undefined
    ? `${name} ended it, which glasspod had not sent`
    : `${name} ended it: ${FAULTS[name]}`
}

/** 128 + n is a shell's way to say that signal n ended its last command. */
const describeExit = (evidence: Evidence, code: number): string => {
  const { asked } = evidence
  const shell = code > 128 && code <= 128 + 64 ? ` (as a shell says it of ${signalName(code - 128)})` : ''
  return [
    `it ended by itself with exit code ${code}${shell}`,
    ...(asked === undefined ? [] : [`${byWhom(asked)} had sent ${signalName(asked.signal)}${because(asked)}`]),
  ].join('; ')
}

/** One sentence, lower case, no full stop. */
export const certify = (evidence: Evidence): string => {
  const { exitCode, signal, memory, pidsRefused = 0, pidsLimit } = evidence
  const first =
    signal !== undefined
      ? describeSignal(evidence, signal)
      : exitCode !== undefined
        ? describeExit(evidence, exitCode)
        : 'unknown: its monitor was killed, so nobody has its exit status'
  const victims = memory?.oomKill ?? 0
  return [
    first,
    ...(victims > 0 && !first.startsWith('the OOM killer')
      ? [`the OOM killer had ended ${victims} of its processes: ${describeLimit(evidence)}`]
      : []),
    ...(pidsRefused > 0
      ? [`its limit${pidsLimit === undefined ? '' : ` of ${pidsLimit} processes`} refused ${pidsRefused} more`]
      : []),
  ].join('; ')
}
