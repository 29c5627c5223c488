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
/** Of the corners of arrows. */
const ROUND = 8
/** Where a namespace's letter stands. */
const LETTER_WIDTH = 18

/** For paper and for the dark: what boxes are filled with, text, lines, and the shared namespaces, which all can be read. */
export const THEMES = {
  light: {
    fills: {
      host: '#f6f8fa',
      node: '#eef4fb',
      network: '#f2ecfa',
      pod: '#fff8e6',
      process: '#ffffff',
      device: '#ffffff',
      cgroup: '#ffffff',
    },
    text: '#1f2328',
    line: '#8b949e',
    arrow: '#57606a',
    shared: ['#0b6e75', '#9a5b00', '#8a2a86', '#2a6f2a', '#1f55a8', '#a8321f'],
  },
  dark: {
    fills: {
      host: '#151b23',
      node: '#142033',
      network: '#231d38',
      pod: '#2a2414',
      process: '#0d1117',
      device: '#0d1117',
      cgroup: '#0d1117',
    },
    text: '#e6edf3',
    line: '#4d5662',
    arrow: '#9198a1',
    shared: ['#56d4dd', '#e3b341', '#d2a8ff', '#7ee787', '#79c0ff', '#ff9492'],
  },
} satisfies Record<string, Theme>

interface Theme {
  fills: Record<Box['kind'], string>
  text: string
  line: string
  arrow: string
  /** By the number of a namespace. */
  shared: readonly string[]
}

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
  `<g><rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" class="${box.kind}"/>`,
  `<text x="${x + PAD}" y="${y + PAD + 10}" class="title">${escape(box.title)}</text>`,
  ...box.lines.flatMap(({ text, shared, isHead }, index) => {
    const baseline = y + PAD + TITLE + index * LINE + 8
    const head = isHead ? ' class="head"' : ''
    if (shared === undefined) return [`<text x="${x + PAD}" y="${baseline}"${head}>${escape(text)}</text>`]
    const colour = `shared${shared % THEMES.light.shared.length}`
    return [
      `<text x="${x + PAD}" y="${baseline}" class="${colour}">${escape(text)}</text>`,
      `<text x="${x + width - PAD}" y="${baseline}" class="letter ${colour}">${letterOf(shared)}</text>`,
    ]
  }),
  ...children.flatMap(drawBox),
  '</g>',
]

/** The boxes from the outermost to the one with the id. */
const findWay = (placed: Placed, id: string): Placed[] | undefined => {
  if (placed.box.id === id) return [placed]
  const way = placed.children.reduce<Placed[] | undefined>((found, child) => found ?? findWay(child, id), undefined)
  return way === undefined ? undefined : [placed, ...way]
}

type Point = readonly [x: number, y: number]

/** A line of straight pieces with round corners. */
const formatPath = ([first = [0, 0], ...points]: readonly Point[]): string => {
  let [x, y] = first
  const pieces = points.map(([nextX, nextY], index) => {
    const corner = points[index + 1]
    const length = Math.abs(nextX - x) + Math.abs(nextY - y)
    const after = corner === undefined ? 0 : Math.abs(corner[0] - nextX) + Math.abs(corner[1] - nextY)
    const round = Math.min(ROUND, length / 2, after / 2)
    const [awayX, awayY] = [nextX - Math.sign(nextX - x) * round, nextY - Math.sign(nextY - y) * round]
    ;[x, y] = [nextX, nextY]
    if (corner === undefined) return `L${nextX} ${nextY}`
    const [onX, onY] = [nextX + Math.sign(corner[0] - nextX) * round, nextY + Math.sign(corner[1] - nextY) * round]
    return `L${awayX} ${awayY} Q${nextX} ${nextY} ${onX} ${onY}`
  })
  return `M${first[0]} ${first[1]} ${pieces.join(' ')}`
}

/** What an arrow that goes straight down would run through. */
const listInTheWay = (x: number, top: number, bottom: number, siblings: readonly Placed[]): Placed[] =>
  siblings.filter(
    (other) => other.x <= x && x <= other.x + other.width && other.y >= top && other.y + other.height <= bottom,
  )

/** Down, and to the side only in the space between rows; past other rows at the left of them: so it crosses no box. */
const listPoints = (begin: Placed, end: Placed, around: Placed): Point[] => {
  const [x1, y1] = [begin.x + begin.width / 2, begin.y + begin.height]
  const [x2, y2] = [end.x + end.width / 2, end.y]
  const turn = y2 - ROW_GAP / 2
  const first = Math.min(...listInTheWay(x1, y1, turn, around.children).map(({ y }) => y))
  if (first === Infinity) {
    if (Math.abs(x1 - x2) < 1)
      return [
        [x1, y1],
        [x1, y2],
      ]
    return [
      [x1, y1],
      [x1, turn],
      [x2, turn],
      [x2, y2],
    ]
  }
  const [aside, before] = [around.x + PAD / 2, first - ROW_GAP / 2]
  return [
    [x1, y1],
    [x1, before],
    [aside, before],
    [aside, turn],
    [x2, turn],
    [x2, y2],
  ]
}

const drawArrow = ({ from, to, label }: Arrow, root: Placed): string[] => {
  const begin = findWay(root, from)?.at(-1)
  const [around = root, end] = findWay(root, to)?.slice(-2) ?? []
  if (begin === undefined || end === undefined) return []
  const points = listPoints(begin, end, around)
  const [x1, y1] = points[0] ?? [0, 0]
  const [x, y] = points.at(-1) ?? [0, 0]
  // beside the tip, on the side that the arrow does not come from
  const isLeft = points.length > 2 && (points.at(-3)?.[0] ?? 0) > x
  const [labelX, labelY] = points.length === 2 ? [x1 + 8, y1 + 18] : [x + (isLeft ? -8 : 8), y - 6]
  return [
    `<path d="${formatPath(points)}" class="arrow" marker-end="url(#tip)"/>`,
    `<text x="${labelX}" y="${labelY}" class="label${isLeft ? ' left' : ''}">${escape(label)}</text>`,
  ]
}

/** The first row of the outermost box is moved to where its arrow leads, as far as there is room. */
const align = (root: Placed, [first]: readonly Arrow[]): Placed => {
  const from = root.children.find(({ box }) => box.id === first?.from)
  const to = first === undefined ? undefined : findWay(root, first.to)?.at(-1)
  if (from === undefined || to === undefined) return root
  const wanted = to.x + to.width / 2 - from.width / 2
  const x = Math.max(root.x + PAD, Math.min(wanted, root.x + root.width - PAD - from.width))
  return { ...root, children: root.children.map((child) => (child === from ? { ...child, x } : child)) }
}

const formatTheme = ({ fills, text, line, arrow, shared }: Theme): string =>
  [
    `text{fill:${text}}rect{stroke:${line}}.arrow{stroke:${arrow}}.tip,.head{fill:${arrow}}`,
    ...Object.entries(fills).map(([kind, fill]) => `.${kind}{fill:${fill}}`),
    ...shared.map((colour, number) => `.shared${number}{fill:${colour}}`),
  ].join('')

const STYLE = `text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;white-space:pre}
.title{font-weight:700;font-size:13px}.letter{text-anchor:end;font-weight:700}
.label{font-size:11px}.left{text-anchor:end}.arrow{fill:none;stroke-width:1.5}
${formatTheme(THEMES.light)}
@media (prefers-color-scheme:dark){${formatTheme(THEMES.dark)}}`

export const formatSvg = ({ root, arrows }: Diagram): string => {
  const placed = align(place(root, 1, 1), arrows)
  const [width, height] = [placed.width + 2, placed.height + 2]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="glasspod graph">`,
    `<style>${STYLE}</style>`,
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z" class="tip"/></marker></defs>',
    ...drawBox(placed),
    ...arrows.flatMap((arrow) => drawArrow(arrow, placed)),
    '</svg>',
  ].join('\n')
}
