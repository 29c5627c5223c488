import { Failure } from '../../errors.ts'
import type { Finding } from '../../see/doctor/examine.ts'
import { isColourful, makePaint } from '../colour.ts'
import { formatFinding, formatFindings, formatLeftovers } from '../diagnosis.ts'
import { findNearest } from '../nearest.ts'
import { STDOUT, print, printJson } from '../output.ts'
import { FORMAT, defineVerb } from '../verb.ts'

const unknown = (id: string, known: readonly string[]): Failure => {
  const nearest = findNearest(id, known)
  return new Failure(`doctor knows no condition ${id}`, {
    id: 'doctor.unknown',
    try: `${nearest === undefined ? '' : `glasspod doctor ${nearest}, or `}glasspod doctor --all, which lists them`,
  })
}

/** Asks as the user that glasspod is: started by root, as the system user. */
const ask = async (root: string, isWanted: (probe: { id: string; group: string }) => boolean): Promise<Finding[]> => {
  const byRoot = process.getuid?.() === 0
  const { becomeSystemUser, refuseWithoutUser } = await import('../../rootless/system-user.ts')
  if (byRoot) {
    await becomeSystemUser({ root, start: false, bundle: undefined })
    if (process.getuid?.() === 0) throw refuseWithoutUser()
  }
  const [{ examine }, { readHost }, { PROBES }] = await Promise.all([
    import('../../see/doctor/examine.ts'),
    import('../../see/doctor/host.ts'),
    import('../../see/doctor/probes.ts'),
  ])
  return examine(PROBES.filter(isWanted), readHost({ root, byRoot }))
}

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'also what is fine' },
    residue: { type: 'boolean', about: 'what commands and containers of before left, and how to remove it' },
    format: FORMAT,
  },
  operands: { usage: '[ID...]', min: 0, max: Infinity },
  example: 'glasspod doctor',
  exitCodes: { '0': 'no blocker', '1': 'a blocker: no container runs here', '125': 'glasspod could not do it' },
  async run({ options: { all, residue, format }, operands, root }) {
    if (operands.length > 0) {
      const { PROBES } = await import('../../see/doctor/probes.ts')
      const known = PROBES.map(({ id }) => id)
      const stranger = operands.find((id) => !known.includes(id))
      if (stranger !== undefined) throw unknown(stranger, known)
    }
    const findings = await ask(root, ({ id, group }) =>
      residue ? group === 'leftovers' : operands.length === 0 || operands.includes(id),
    )
    const paint = makePaint(isColourful(STDOUT))
    if (format === 'json') printJson(findings)
    else if (residue) print(formatLeftovers(findings))
    else if (operands.length > 0) print(findings.map((finding) => formatFinding(finding, paint)).join('\n\n'))
    else print(formatFindings(findings, paint, all))
    return findings.some(({ status }) => status === 'blocker') ? 1 : 0
  },
})
