/** The graph as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which GitHub and GitLab draw. */
import { printable } from '../table.ts'
import { listBelow, type Box, type Diagram, type Line } from './diagram.ts'
import { letterOf } from './select.ts'

/** By the codes of Mermaid what ends a quoted text, or begins a code, a tag or Markdown; spaces stay as many as they are. */
const quote = (text: string): string =>
  printable(text)
    .replaceAll(/[#&"<>`]/g, (character) => `#${character.charCodeAt(0)};`)
    .replaceAll('  ', '#nbsp;#nbsp;')

const formatLine = ({ text, shared }: Line): string => (shared === undefined ? text : `${text} ${letterOf(shared)}`)

const labelOf = (texts: readonly string[]): string => texts.map(quote).join('<br/>')

/** The title of what has boxes in it has one line, and more would be drawn over by the first of them: they get a box. */
const formatGroup = ({ id, title, lines }: Box, indent: string): string[] => {
  const texts = lines.map(formatLine)
  const [only, ...more] = texts
  if (only === undefined || more.length === 0)
    return [`${indent}subgraph ${id}["${labelOf([[title, ...texts].join(', ').replaceAll(/ +/g, ' ')])}"]`]
  return [`${indent}subgraph ${id}["${labelOf([title])}"]`, `${indent}  ${id}-facts["${labelOf(texts)}"]`]
}

const formatBox = (box: Box, indent: string): string[] => {
  const children = box.rows.flat()
  if (children.length === 0) return [`${indent}${box.id}["${labelOf([box.title, ...box.lines.map(formatLine)])}"]`]
  return [...formatGroup(box, indent), ...children.flatMap((child) => formatBox(child, `${indent}  `)), `${indent}end`]
}

/** Lines stay whole, and columns columns: Mermaid would break them at 200 pixels, and put each into the middle. */
const LOOK = [
  '  %%{init: {"flowchart": {"wrappingWidth": 2000}}}%%',
  '  classDef default text-align:left,font-family:monospace',
]

export const formatMermaid = ({ root, arrows }: Diagram): string =>
  [
    'flowchart TB',
    ...LOOK,
    ...formatBox(root, '  '),
    // links that are not drawn; between boxes that have none of their own Mermaid lays one over the other
    ...listBelow(root).flatMap(({ over, below }) =>
      over.kind === 'pod' && below.kind === 'pod' ? [`  ${over.id} ~~~ ${below.id}`] : [],
    ),
    ...arrows.map(({ from, to, label }) => `  ${from} -->|"${quote(label)}"| ${to}`),
  ].join('\n')
