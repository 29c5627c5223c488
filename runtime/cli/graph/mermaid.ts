/** The graph as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which GitHub and GitLab draw. */
import { printable } from '../table.ts'
import type { Box, Diagram } from './diagram.ts'
import { letterOf } from './select.ts'

/** What ends a quoted text, or begins an entity or a tag. */
const quote = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const idOf = (id: string): string => id.replace(/[^A-Za-z0-9]/g, '_')

const labelOf = ({ title, lines }: Box): string =>
  [title, ...lines.map(({ text, shared }) => (shared === undefined ? text : `${text} ${letterOf(shared)}`))]
    .map(quote)
    .join('<br/>')

const formatBox = (box: Box, indent: string): string[] => {
  const children = box.rows.flat()
  if (children.length === 0) return [`${indent}${idOf(box.id)}["${labelOf(box)}"]`]
  return [
    `${indent}subgraph ${idOf(box.id)}["${labelOf(box)}"]`,
    ...children.flatMap((child) => formatBox(child, `${indent}  `)),
    `${indent}end`,
  ]
}

export const formatMermaid = ({ root, arrows }: Diagram): string =>
  [
    'flowchart TB',
    ...formatBox(root, '  '),
    ...arrows.map(({ from, to, label }) => `  ${idOf(from)} -->|"${quote(label)}"| ${idOf(to)}`),
  ].join('\n')
