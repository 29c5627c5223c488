/** Asks probes, all at once and each for a bounded time; one that needs another waits for it. */
import { errnoOf } from '../../errors.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { PROGRAM_MS, type Host } from './host.ts'
import { unasked, type Leftover, type Probe, type Severity, type Verdict } from './probe.ts'

/** A probe runs a program or two; a filesystem that does not answer is given up as well. */
const PROBE_MS = 2 * PROGRAM_MS + 1000

export interface Finding {
  id: string
  group: string
  status: 'fine' | 'unasked' | Severity
  title: string
  why: string
  found: string
  try?: string
  see: string
  leftovers?: readonly Leftover[]
}

const unanswered = (said: string): Verdict => ({ is: 'bad', found: `could not be asked: ${said}`, severity: 'warning' })

const ask = async (probe: Probe, host: Host): Promise<Verdict> => {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => resolve(unanswered(`no answer within ${PROBE_MS / 1000} s`)), PROBE_MS)
  })
  try {
    return await Promise.race([Promise.resolve(probe.read(host)).then((facts) => probe.judge(facts)), late])
  } catch (error) {
    return unanswered(errnoOf(error) ?? (error instanceof Error ? error.message : String(error)))
  } finally {
    clearTimeout(timer)
  }
}

const fill = (text: string, { user, uid, root }: Host): string =>
  text.replace(/\bUSER\b/g, user ?? `${uid}`).replace(/\bROOT\b/g, () => quoteWord(root))

const toFinding = ({ id, group, severity, title, why, advice, see }: Probe, verdict: Verdict, host: Host): Finding => {
  const facts = { id, group, title, why, found: verdict.found, see }
  if (verdict.is !== 'bad') return { ...facts, status: verdict.is }
  const { leftovers } = verdict
  return {
    ...facts,
    status: verdict.severity ?? severity,
    try: verdict.try ?? fill(advice, host),
    ...(leftovers === undefined ? {} : { leftovers }),
  }
}

/** The findings in the order of the probes. What a probe needs is asked only if it is among them. */
export const examine = (probes: readonly Probe[], host: Host): Promise<Finding[]> => {
  const verdicts = new Map<string, Promise<Verdict>>()
  const verdictOf = (probe: Probe): Promise<Verdict> => {
    const known = verdicts.get(probe.id)
    if (known !== undefined) return known
    const verdict = askAfter(probe)
    verdicts.set(probe.id, verdict)
    return verdict
  }
  const askAfter = async (probe: Probe): Promise<Verdict> => {
    const needed = probes.filter(({ id }) => probe.needs?.includes(id) === true)
    const answers = await Promise.all(needed.map(async (other) => ({ other, verdict: await verdictOf(other) })))
    const broken = answers.find(({ verdict }) => verdict.is === 'bad')
    return broken === undefined ? ask(probe, host) : unasked(`only where ${broken.other.id} is fine`)
  }
  return Promise.all(probes.map(async (probe) => toFinding(probe, await verdictOf(probe), host)))
}
