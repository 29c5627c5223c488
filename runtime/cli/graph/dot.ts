/** The graph in the language of Graphviz (https://graphviz.org/doc/info/lang.html): `| dot -Tpng`. */
import { printable } from '../table.ts'
import { highestIn, listBelow, lowestIn, type Box, type Diagram } from './diagram.ts'
import { letterOf } from './select.ts'

/** A backslash begins an escape, and an ampersand the name of a character as in HTML. */
const quote = (text: string): string =>
  `"${printable(text).replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`

/** \l ends a line and puts it to the left. */
const labelOf = ({ title, lines }: Box): string => {
  const texts = lines.map(({ text, shared }) => (shared === undefined ? text : `${text} ${letterOf(shared)}`))
  return `"${[title, ...texts].map((text) => quote(text).slice(1, -1)).join('\\l')}\\l"`
}

const hasChildren = (box: Box): boolean => box.rows.flat().length > 0

const formatBox = (box: Box, indent: string): string[] => {
  if (!hasChildren(box)) return [`${indent}${quote(box.id)} [label=${labelOf(box)}];`]
  return [
    `${indent}subgraph ${quote(`cluster-${box.id}`)} {`,
    `${indent}  label=${labelOf(box)}; labeljust=l;`,
    ...box.rows.flat().flatMap((child) => formatBox(child, `${indent}  `)),
    `${indent}}`,
  ]
}

const findBox = (box: Box, id: string): Box | undefined =>
  box.id === id
    ? box
    : box.rows.flat().reduce<Box | undefined>((found, child) => found ?? findBox(child, id), undefined)

/** Only nodes can be joined: an arrow to a cluster ends at its border, by way of the first node in it. */
const anchor = (root: Box, id: string): { node: string; cluster: string | undefined } => {
  const target = findBox(root, id)
  if (target === undefined || !hasChildren(target)) return { node: id, cluster: undefined }
  return { node: highestIn(target).id, cluster: `cluster-${id}` }
}

/** What is not drawn keeps a row below the one before. */
const formatRows = (root: Box): string[] =>
  listBelow(root).map(
    ({ over, below }) => `  ${quote(lowestIn(over).id)} -> ${quote(highestIn(below).id)} [style=invis];`,
  )

export const formatDot = ({ root, arrows }: Diagram): string =>
  [
    'digraph glasspod {',
    '  compound=true; fontname=monospace; fontsize=11;',
    '  node [shape=box, fontname=monospace, fontsize=10]; edge [fontname=monospace, fontsize=10];',
    ...formatBox(root, '  '),
    ...formatRows(root),
    ...arrows.map(({ from, to, label }) => {
      const [begin, end] = [anchor(root, from), anchor(root, to)]
      const clusters = [
        ...(begin.cluster === undefined ? [] : [`ltail=${quote(begin.cluster)}`]),
        ...(end.cluster === undefined ? [] : [`lhead=${quote(end.cluster)}`]),
      ]
      return `  ${quote(begin.node)} -> ${quote(end.node)} [${[`label=${quote(label)}`, ...clusters].join(', ')}];`
    }),
    '}',
  ].join('\n')
