/** The graph drawn: boxes are as large as what is in them, rows lie below each other. Nothing outside is needed. */
import { printable } from '../table.ts'
import type { Arrow, Box, Diagram } from './diagram.ts'
import { letterOf } from './select.ts'

const PAD = 12
const GAP = 16
const LINE = 16
const TITLE = 22
/** Of a character of 12 pixels in a monospaced font. */
const CHARACTER = 7.3
const TITLE_CHARACTER = 7.9
/** Between rows that an arrow may run through. */
const ROW_GAP = 40
/** Where a namespace's letter stands. */
const LETTER_WIDTH = 18

const FILLS: Record<Box['kind'], string> = {
  host: '#f6f8fa',
  node: '#eef4fb',
  network: '#f2ecfa',
  pod: '#fff8e6',
  process: '#ffffff',
  device: '#ffffff',
  cgroup: '#ffffff',
}

/** Dark enough for text on white: 4.5 to 1 and more. */
const SHARED = ['#0b6e75', '#9a5b00', '#8a2a86', '#2a6f2a', '#1f55a8', '#a8321f']

export interface Placed {
  box: Box
  x: number
  y: number
  width: number
  height: number
  children: Placed[]
}

const escape = (text: string): string =>
  printable(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const textWidth = ({ title, lines }: Box): number =>
  Math.max(
    title.length * TITLE_CHARACTER,
    ...lines.map(({ text, shared }) => text.length * CHARACTER + (shared === undefined ? 0 : LETTER_WIDTH)),
  )

/** Sizes from the inside out, places from the upper left corner. */
export const place = (box: Box, x = 0, y = 0): Placed => {
  const top = PAD + TITLE + box.lines.length * LINE
  let bottom = y + top
  let width = textWidth(box) + 2 * PAD
  const children: Placed[] = []
  for (const row of box.rows.filter((boxes) => boxes.length > 0)) {
    bottom += children.length === 0 ? GAP / 2 : ROW_GAP
    let right = x + PAD
    let height = 0
    for (const child of row) {
      const placed = place(child, right, bottom)
      children.push(placed)
      right += placed.width + GAP
      height = Math.max(height, placed.height)
    }
    width = Math.max(width, right - GAP + PAD - x)
    bottom += height
  }
  return { box, x, y, width: Math.ceil(width), height: Math.ceil(bottom + PAD - y), children }
}

const drawBox = ({ box, x, y, width, height, children }: Placed): string[] => [
  `<g><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="${FILLS[box.kind]}" stroke="#8b949e"/>`,
  `<text x="${x + PAD}" y="${y + PAD + 10}" class="title">${escape(box.title)}</text>`,
  ...box.lines.flatMap(({ text, shared }, index) => {
    const baseline = y + PAD + TITLE + index * LINE + 8
    if (shared === undefined) return [`<text x="${x + PAD}" y="${baseline}">${escape(text)}</text>`]
    const colour = SHARED[shared % SHARED.length] ?? '#000000'
    return [
      `<text x="${x + PAD}" y="${baseline}" fill="${colour}">${escape(text)}</text>`,
      `<text x="${x + width - PAD}" y="${baseline}" fill="${colour}" class="letter">${letterOf(shared)}</text>`,
    ]
  }),
  ...children.flatMap(drawBox),
  '</g>',
]

const find = (placed: Placed, id: string): Placed | undefined =>
  placed.box.id === id
    ? placed
    : placed.children.reduce<Placed | undefined>((found, child) => found ?? find(child, id), undefined)

/** Down to the space between the rows, and only there to the side: so it crosses no box. */
const drawArrow = ({ from, to, label }: Arrow, root: Placed): string[] => {
  const [begin, end] = [find(root, from), find(root, to)]
  if (begin === undefined || end === undefined) return []
  const [x1, y1] = [begin.x + begin.width / 2, begin.y + begin.height]
  const [x2, y2] = [end.x + end.width / 2, end.y]
  const turn = y2 - ROW_GAP
  const straight = Math.abs(x1 - x2) < 1
  // beside the tip, on the side that the arrow does not come from
  const isLeft = x2 < x1 - 1
  const [labelX, labelY] = straight ? [x1 + 8, y1 + 18] : [x2 + (isLeft ? -8 : 8), y2 - 8]
  const way = straight ? `V${y2}` : `V${turn} C${x1} ${y2 - 8}, ${x2} ${turn}, ${x2} ${y2}`
  return [
    `<path d="M${x1} ${y1} ${way}" class="arrow" marker-end="url(#tip)"/>`,
    `<text x="${labelX}" y="${labelY}" class="label${isLeft ? ' left' : ''}">${escape(label)}</text>`,
  ]
}

/** The first row of the outermost box is moved to where its arrow leads, as far as there is room. */
const align = (root: Placed, [first]: readonly Arrow[]): Placed => {
  const from = root.children.find(({ box }) => box.id === first?.from)
  const to = first === undefined ? undefined : find(root, first.to)
  if (from === undefined || to === undefined) return root
  const wanted = to.x + to.width / 2 - from.width / 2
  const x = Math.max(root.x + PAD, Math.min(wanted, root.x + root.width - PAD - from.width))
  return { ...root, children: root.children.map((child) => (child === from ? { ...child, x } : child)) }
}

const STYLE = `text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}
.title{font-weight:700;font-size:13px}.letter{text-anchor:end;font-weight:700}
.label{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:3px}.left{text-anchor:end}.arrow{fill:none;stroke:#57606a;stroke-width:1.5}`

export const formatSvg = ({ root, arrows }: Diagram): string => {
  const placed = align(place(root, 1, 1), arrows)
  const [width, height] = [placed.width + 2, placed.height + 2]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="glasspod graph">`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#57606a"/></marker></defs>',
    ...drawBox(placed),
    ...arrows.flatMap((arrow) => drawArrow(arrow, placed)),
    '</svg>',
  ].join('\n')
}
