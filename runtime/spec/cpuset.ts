/** Lists of processors and memory nodes as cpuset(7) writes them: 0-2,4. */
import { Failure } from '../errors.ts'
import type { CpuResources } from './cpus.ts'
import type { Limits } from './limits.ts'

/** More processors or nodes than any kernel counts: a range beyond is a mistake, and would fill the memory. */
const MOST = 65_536

/** The numbers of `0-2,4`, ascending; undefined where it is no such list. */
export const parseNumberList = (text: string): number[] | undefined => {
  const numbers = new Set<number>()
  for (const part of text.split(',')) {
    const [, from = '', to = from] = /^\s*(\d{1,6})(?:-(\d{1,6}))?\s*$/.exec(part) ?? []
    if (from === '' || Number(to) < Number(from) || Number(to) >= MOST) return undefined
    for (let number = Number(from); number <= Number(to); number++) numbers.add(number)
  }
  return [...numbers].sort((a, b) => a - b)
}

/** What may be asked for here, as lists; undefined: it is not known, and the kernel will say. */
export interface AvailableSets {
  cpus?: string | undefined
  mems?: string | undefined
}

const refuse = (id: string, sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id, try: advice, exitCode: 125, status: 400 })

const checkList = (kind: 'cpus' | 'mems', given: string, available: string | undefined): string => {
  const asked = String(given)
  const wanted = parseNumberList(asked)
  if (wanted === undefined)
    throw refuse(`cpuset.${kind}`, `invalid value ${asked} for cpuset ${kind}`, `--cpuset-${kind} 0-1,3`)
  const offered = available === undefined ? undefined : parseNumberList(available)
  if (offered !== undefined && !wanted.every((number) => offered.includes(number)))
    throw refuse(
      `cpuset.${kind}`,
      `requested ${kind === 'cpus' ? 'CPUs' : 'memory nodes'} are not available - requested ${asked}, available: ${available}`,
    )
  return asked
}

/** `--cpuset-cpus`, `--cpuset-mems`. Failure `cpuset.cpus` or `cpuset.mems`, exit 125, in Docker's words. */
export const planCpuset = (
  { CpusetCpus = '', CpusetMems = '' }: Limits,
  available: AvailableSets,
): Pick<CpuResources, 'cpus' | 'mems'> => ({
  ...(CpusetCpus === '' ? {} : { cpus: checkList('cpus', CpusetCpus, available.cpus) }),
  ...(CpusetMems === '' ? {} : { mems: checkList('mems', CpusetMems, available.mems) }),
})
