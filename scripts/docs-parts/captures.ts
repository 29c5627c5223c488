/** Screens of 80 columns, drawn by the program's own functions from what was recorded on a machine (docs/captures/recorded). */
import { readFileSync } from 'node:fs'
import type { Graph } from '../../runtime/cli/api.ts'
import { makePaint } from '../../runtime/cli/colour.ts'
import { formatFinding, formatFindings, formatLeftovers } from '../../runtime/cli/diagnosis.ts'
import { makeDiagram } from '../../runtime/cli/graph/diagram.ts'
import { selectPods } from '../../runtime/cli/graph/select.ts'
import { formatHtml } from '../../runtime/cli/graph/html.ts'
import { formatSvg } from '../../runtime/cli/graph/svg.ts'
import { formatText } from '../../runtime/cli/graph/text.ts'
import { formatCgroups } from '../../runtime/cli/verbs/cgroup.ts'
import { formatMaps, formatPairs, type Pair } from '../../runtime/cli/verbs/ids.ts'
import { formatNamespaces } from '../../runtime/cli/verbs/inspect-namespaces.ts'
import type { Finding } from '../../runtime/see/doctor/examine.ts'
import type { IdMaps } from '../../runtime/see/host/id-map.ts'
import type { ProcessNamespaces } from '../../runtime/see/host/namespaces.ts'

const COLUMNS = 80
const plain = makePaint(false)
/** When graph.json was. */
const RECORDED = new Date('2026-11-26T23:58:00Z')
/** Around the drawing in its page. */
const MARGINS = { width: 48, height: 160 }

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
  'glasspod inspect namespaces 532': () => formatNamespaces(recorded<ProcessNamespaces>('namespaces'), plain, COLUMNS),
  'glasspod cgroup': () => formatCgroups(graph().cgroup, plain, COLUMNS),
  'glasspod graph web': () => formatText(selectPods(graph(), ['web']), plain, COLUMNS),
}

/** A page with, after each line of a command, what it shows. */
export const fillScreens = (page: string): string =>
  page.replace(/^```console\n\$ (.*)\n[^]*?^```$/gm, (block, command: string) => {
    const screen = SCREENS[command]
    return screen === undefined ? block : `\`\`\`console\n$ ${command}\n${breakLines(screen())}\n\`\`\``
  })

const drawing = (): string => formatSvg(makeDiagram(graph()))

export const drawGraph = (): string => `${drawing()}\n`

/** The page, and the size of a window that shows all of it, for scripts/docs-pictures. */
export const drawPage = (): { page: string; size: string } => {
  const [width = 0, height = 0] = [...drawing().matchAll(/(?:width|height)="(\d+)"/g)].map(([, size]) => Number(size))
  return { page: formatHtml(graph(), RECORDED), size: `${width + MARGINS.width},${height + MARGINS.height}` }
}
