/**
 * The part of docs/troubleshooting.md that comes from the probes of `glasspod doctor`, between two marks; what stands
 * around it is written by hand. usage: node dist/scripts/troubleshooting.mjs [--check]
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { wrap } from '../runtime/cli/help.ts'
import { GROUPS, type Probe } from '../runtime/see/doctor/probe.ts'
import { PROBES } from '../runtime/see/doctor/probes.ts'

const PAGE = 'docs/troubleshooting.md'
const BEGIN = '<!-- from the probes of glasspod doctor, by npm run docs -->'
const END = '<!-- end of the probes -->'

const WIDTH = 120

/** Lines wrap at the width of the other pages; a command is never broken. */
const formatProbe = ({ id, title, why, advice, see, severity }: Probe): string =>
  [
    `### ${id.replaceAll('.', '-')}`,
    `\`${id}\`: a ${severity}, unless ${title}.`,
    wrap(`${why.charAt(0).toUpperCase()}${why.slice(1)}${why.endsWith('.') ? '' : '.'}`, WIDTH).join('\n'),
    `\`\`\`text\n${advice}\n\`\`\``,
    `See ${see}.`,
  ].join('\n\n')

const formatProbes = (): string =>
  GROUPS.map((group) =>
    [
      `## ${group.charAt(0).toUpperCase()}${group.slice(1)}`,
      ...PROBES.filter((probe) => probe.group === group).map(formatProbe),
    ].join('\n\n'),
  ).join('\n\n')

const text = readFileSync(PAGE, 'utf8')
const [before, rest] = text.split(BEGIN)
const [, after] = (rest ?? '').split(END)
if (before === undefined || after === undefined) throw new Error(`${PAGE} has no ${BEGIN} ... ${END}`)
const wanted = await format(`${before}${BEGIN}\n\n${formatProbes()}\n\n${END}${after}`, {
  ...(await resolveConfig(PAGE)),
  parser: 'markdown',
})
if (!process.argv.includes('--check')) writeFileSync(PAGE, wanted)
else if (text !== wanted) {
  console.error(`error: ${PAGE} is not what the probes say\n try    npm run docs`)
  process.exitCode = 1
}
