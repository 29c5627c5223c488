/**
 * A probe: one condition that containers of an ordinary user depend on. Reading asks the machine, by doing the thing
 * where that leaves nothing behind; judging is a pure function of what was read. `glasspod doctor` asks all of them, an
 * error asks the ones that may be its cause, and docs/troubleshooting.md is made from their texts.
 */
import type { FailureFacts } from '../../errors.ts'
import type { Host } from './host.ts'

/** blocker: no container runs; warning: something that people expect does not work; note: good to know. */
export type Severity = 'blocker' | 'warning' | 'note'

export const GROUPS = [
  'kernel',
  'user namespaces',
  'ids',
  'cgroups',
  'session',
  'root directory',
  'mounts',
  'network',
  'limits',
  'programs',
  'leftovers',
] as const
export type Group = (typeof GROUPS)[number]

export type Verdict =
  | { is: 'fine'; found: string }
  /** `try`: instead of the probe's own advice, where more is known; `severity` likewise. */
  | { is: 'bad'; found: string; try?: string; severity?: Severity; leftovers?: readonly Leftover[] }
  /** The question does not arise here. */
  | { is: 'unasked'; found: string }

export const fine = (found: string): Verdict => ({ is: 'fine', found })
export const unasked = (found: string): Verdict => ({ is: 'unasked', found })
export const bad = (found: string, more: Omit<Extract<Verdict, { is: 'bad' }>, 'is' | 'found'> = {}): Verdict => ({
  is: 'bad',
  found,
  ...more,
})

/** What is left of ours, and the command that removes it. */
export interface Leftover {
  what: string
  remove: string
}

export interface Probe<F = unknown> {
  /** Stable; the id of the error, where an error says the same. */
  id: string
  group: Group
  severity: Severity
  /** What should be so, as a sentence without an end. */
  title: string
  /** Why it must be so, and what fails otherwise. */
  why: string
  /** For a shell to paste, as root where it says sudo; what is no command stands behind `#`. USER and ROOT stand for whose it is. */
  advice: string
  see: string
  /** Probes that must be fine before this one can say anything. */
  needs?: readonly string[]
  read(host: Host): Promise<F> | F
  judge(facts: F): Verdict
}

/** Ties what is read to what is judged. */
export const defineProbe = <F>(probe: Probe<F>): Probe<F> => probe

/** The lines of an error that a probe explains. */
export const failureFacts = <F>({ id, why, advice, see }: Probe<F>, verdict: Verdict): FailureFacts => ({
  id,
  why,
  found: verdict.found,
  try: verdict.is === 'bad' && verdict.try !== undefined ? verdict.try : advice,
  see,
})
