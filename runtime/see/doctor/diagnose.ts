/** The cause of an error: probes that may know it are asked, and the first that finds something bad speaks. */
import type { FailureFacts } from '../../errors.ts'
import { examine } from './examine.ts'
import { readHost } from './host.ts'
import { PROBES } from './probes.ts'

/** `directory`: on the filesystem of the root directory. Nothing found: what is to be known of the first. */
export const diagnose = async (ids: readonly string[], directory: string): Promise<FailureFacts> => {
  const probes = ids.flatMap((id) => PROBES.find((probe) => probe.id === id) ?? [])
  const findings = await examine(probes, readHost({ root: directory, byRoot: false }))
  const cause = findings.find(({ status }) => status !== 'fine' && status !== 'unasked')
  if (cause !== undefined) return { why: cause.why, found: cause.found, try: cause.try, see: cause.see }
  const [first] = probes
  return { why: first?.why, try: first?.advice, see: first?.see }
}
