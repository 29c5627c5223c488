/** Screens of 80 columns, drawn by the program's own functions from what was recorded on a machine (docs/captures/recorded). */
import { readFileSync } from 'node:fs'
import type { Graph } from '../../runtime/cli/api.ts'
import { makePaint } from '../../runtime/cli/colour.ts'
import { formatFinding, formatFindings, formatLeftovers } from '../../runtime/cli/diagnosis.ts'
import { makeDiagram } from '../../runtime/cli/graph/diagram.ts'
import { selectPods } from '../../runtime/cli/graph/select.ts'
import { formatSvg } from '../../runtime/cli/graph/svg.ts'
import { formatText } from '../../runtime/cli/graph/text.ts'
import { formatMaps, formatPairs, type Pair } from '../../runtime/cli/verbs/ids.ts'
import { formatNamespaces } from '../../runtime/cli/verbs/inspect-namespaces.ts'
import type { Finding } from '../../runtime/see/doctor/examine.ts'
import type { IdMaps } from '../../runtime/see/host/id-map.ts'
import type { ProcessNamespaces } from '../../runtime/see/host/namespaces.ts'

const COLUMNS = 80
const plain = makePaint(false)

const recorded = <T>(name: string): T => JSON.parse(readFileSync(`docs/captures/recorded/${name}.json`, 'utf8')) as T

/** As a terminal breaks a line: in the middle of a word. */
const breakLines = (text: string): string =>
  text
    .split('\n')
    .flatMap((line) => line.match(new RegExp(`.{1,${COLUMNS}}`, 'gu')) ?? [''])
    .join('\n')

const graph = (): Graph => recorded<Graph>('graph')
const findings = (): Finding[] => recorded<Finding[]>('doctor')

/** By the command that shows it. */
const SCREENS: Record<string, () => string> = {
  'glasspod doctor': () => formatFindings(findings(), plain, false),
  'glasspod doctor uplink.tun': () =>
    findings()
      .filter(({ id }) => id === 'uplink.tun')
      .map((finding) => formatFinding(finding, plain))
      .join('\n\n'),
  'glasspod doctor --residue': () => formatLeftovers(findings()),
  'glasspod ids': () => formatMaps(recorded<IdMaps>('ids')),
  'glasspod ids 33': () => formatPairs(recorded<Pair[]>('ids-33')),
  'glasspod inspect namespaces 18930': () => formatNamespaces(recorded<ProcessNamespaces>('namespaces'), plain),
  'glasspod graph web': () => formatText(selectPods(graph(), ['web']), plain, COLUMNS),
}

/** A page with, after each line of a command, what it shows. */
export const fillScreens = (page: string): string =>
  page.replace(/^```console\n\$ (.*)\n[^]*?^```$/gm, (block, command: string) => {
    const screen = SCREENS[command]
    return screen === undefined ? block : `\`\`\`console\n$ ${command}\n${breakLines(screen())}\n\`\`\``
  })

export const drawGraph = (): string => `${formatSvg(makeDiagram(graph()))}\n`
