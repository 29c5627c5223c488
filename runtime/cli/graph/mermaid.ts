/** The graph as a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which GitHub and GitLab draw. */
import { printable } from '../table.ts'
import type { Box, Diagram } from './diagram.ts'
import { letterOf } from './select.ts'

/** By the codes of Mermaid what ends a quoted text, or begins a code, a tag or Markdown; spaces stay as many as they are. */
const quote = (text: string): string =>
  printable(text)
    .replaceAll(/[#&"<>`]/g, (character) => `#${character.charCodeAt(0)};`)
    .replaceAll('  ', '#nbsp;#nbsp;')

const labelOf = ({ title, lines }: Box): string =>
  [title, ...lines.map(({ text, shared }) => (shared === undefined ? text : `${text} ${letterOf(shared)}`))]
    .map(quote)
    .join('<br/>')

const formatBox = (box: Box, indent: string): string[] => {
  const children = box.rows.flat()
  if (children.length === 0) return [`${indent}${box.id}["${labelOf(box)}"]`]
  return [
    `${indent}subgraph ${box.id}["${labelOf(box)}"]`,
    ...children.flatMap((child) => formatBox(child, `${indent}  `)),
    `${indent}end`,
  ]
}

export const formatMermaid = ({ root, arrows }: Diagram): string =>
  [
    'flowchart TB',
    ...formatBox(root, '  '),
    ...arrows.map(({ from, to, label }) => `  ${from} -->|"${quote(label)}"| ${to}`),
  ].join('\n')
