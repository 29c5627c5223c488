/** docs/troubleshooting.md, as far as the probes of `glasspod doctor` know it. */
import { wrap } from '../../runtime/cli/help.ts'
import { GROUPS, type Probe } from '../../runtime/see/doctor/probe.ts'
import { PROBES } from '../../runtime/see/doctor/probes.ts'

const WIDTH = 120

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** A command is one line, however long: it is there to be pasted. */
const formatProbe = ({ id, title, why, advice, see, severity }: Probe): string =>
  [
    `### ${id.replaceAll('.', '-')}`,
    `\`${id}\`: a ${severity}, unless ${title}.`,
    wrap(`${capitalize(why)}${why.endsWith('.') ? '' : '.'}`, WIDTH).join('\n'),
    `\`\`\`text\n${advice}\n\`\`\``,
    `See ${see}.`,
  ].join('\n\n')

export const formatProbes = (): string =>
  GROUPS.map((group) =>
    [`## ${capitalize(group)}`, ...PROBES.filter((probe) => probe.group === group).map(formatProbe)].join('\n\n'),
  ).join('\n\n')
