import { readlinkSync } from 'node:fs'
import type { Graph } from '../api.ts'
import { isColourful, makePaint } from '../colour.ts'
import { makeDiagram } from '../graph/diagram.ts'
import { formatDot } from '../graph/dot.ts'
import { formatHtml } from '../graph/html.ts'
import { formatMermaid } from '../graph/mermaid.ts'
import { selectPods } from '../graph/select.ts'
import { formatSvg } from '../graph/svg.ts'
import { formatText } from '../graph/text.ts'
import { badFlag } from '../options.ts'
import { STDOUT, print, readColumns } from '../output.ts'
import { redraw } from '../redraw.ts'
import { FORMAT, defineVerb } from '../verb.ts'

const FORMATS = ['text', 'mermaid', 'dot', 'json', 'svg', 'html']

const readOwnUserNamespace = (): number => Number(/\d+/.exec(readlinkSync('/proc/self/ns/user'))?.[0])

const render = (graph: Graph, format: string): string => {
  switch (format) {
    case 'json':
      return JSON.stringify(graph, null, 2)
    case 'mermaid':
      return formatMermaid(makeDiagram(graph))
    case 'dot':
      return formatDot(makeDiagram(graph))
    case 'svg':
      return formatSvg(makeDiagram(graph))
    case 'html':
      return formatHtml(graph, new Date())
    default:
      // where the output goes to a program that shows it on a terminal, COLUMNS says how wide that is
      return formatText(
        graph,
        makePaint(isColourful(STDOUT)),
        readColumns(STDOUT) ?? (Number(process.env['COLUMNS']) || undefined),
      )
  }
}

export const verb = defineVerb({
  options: {
    format: { ...FORMAT, metavar: FORMATS.join('|'), choices: FORMATS, about: 'for a terminal, a page, or programs' },
    watch: { type: 'boolean', short: 'w', about: 'draw it anew every second' },
  },
  operands: { usage: '[POD...]', min: 0, max: Infinity },
  example: 'glasspod graph --format html web > web.html',
  async run({ options: { format = 'text', watch }, operands, agent }) {
    if (watch && format !== 'text') throw badFlag(`--watch draws on a terminal, not as ${format}`)
    const client = await agent()
    const show = async () => {
      const graph = { ...(await client.get<Graph>('/glasspod/graph')), parentUserNamespace: readOwnUserNamespace() }
      return render(selectPods(graph, operands), format)
    }
    if (watch) return redraw(show)
    print(await show())
  },
})
