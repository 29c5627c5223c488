/** Columns as docker and podman print them: an upper-case header, cells aligned left, three spaces between. */
const GAP = 3
// eslint-disable-next-line no-control-regex -- the sequences that colour.ts writes, which take no room
const COLOUR = /\x1b\[\d+m/g
// eslint-disable-next-line no-control-regex -- what would move the cursor or start a sequence
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g

/** Columns of the terminal that it takes. */
export const widthOf = (cell: string) => cell.replaceAll(COLOUR, '').length

type Row = readonly string[]

const measure = (headers: Row, rows: readonly Row[]): number[] =>
  headers.map((header, column) => Math.max(widthOf(header), ...rows.map((row) => widthOf(row[column] ?? ''))))

const formatRows = (rows: readonly Row[], widths: readonly number[], gap: number): string =>
  rows
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? ''
          return cell + ' '.repeat(width - widthOf(cell) + gap)
        })
        .join('')
        .trimEnd(),
    )
    .join('\n')

export const formatTable = (headers: Row, rows: readonly Row[]): string =>
  formatRows([headers, ...rows], measure(headers, rows), GAP)

/** What a table may lose where it is wider than its terminal, which would break it in the midst of words. */
export interface Fit {
  /** Columns of the terminal, or undefined where there is room for everything. */
  columns: number | undefined
  /** Columns whose cells may be cut, the widest first. */
  cut?: Row
  /** Columns that are left out where that is not enough, in this order. */
  leave?: Row
}

const NARROW_GAP = 2
/** No column is cut to less, nor to less than its header. */
const LEAST = 8

const widthOfAll = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, 0) + NARROW_GAP * (widths.length - 1)

/** The widths with what is too much taken off those that may be cut, a column of the terminal at a time. */
const narrow = (headers: Row, widths: readonly number[], { columns, cut = [] }: Fit & { columns: number }) => {
  const least = headers.map((header, column) =>
    cut.includes(header) ? Math.min(widths[column] ?? 0, Math.max(LEAST, header.length)) : Infinity,
  )
  const narrowed = [...widths]
  while (widthOfAll(narrowed) > columns) {
    const spare = narrowed.map((width, column) => (width > (least[column] ?? Infinity) ? width : 0))
    const widest = Math.max(...spare)
    if (widest === 0) return undefined
    narrowed[spare.indexOf(widest)] = widest - 1
  }
  return narrowed
}

/** A table that no terminal has to break, as far as its columns can be cut or left out. */
export const fitTable = (headers: Row, rows: readonly Row[], fit: Fit): string => {
  const { columns, leave: [first, ...leave] = [] } = fit
  const table = formatTable(headers, rows)
  if (columns === undefined || table.split('\n').every((line) => widthOf(line) <= columns)) return table
  const widths = narrow(headers, measure(headers, rows), { ...fit, columns })
  if (widths !== undefined) {
    const cut = (cell: string, width: number) => (widthOf(cell) <= width ? cell : truncate(cell, width))
    const cells = rows.map((row) => row.map((cell, column) => cut(cell, widths[column] ?? 0)))
    return formatRows([headers, ...cells], widths, NARROW_GAP)
  }
  if (first === undefined) return table
  const kept = headers.map((header) => header !== first)
  const keep = (row: Row): Row => row.filter((_, column) => kept[column])
  return fitTable(keep(headers), rows.map(keep), { ...fit, leave })
}

/** A table of some fields of its rows, each under its header. */
export const tableOf = <Field extends string>(
  columns: Readonly<Record<string, Field>>,
  rows: readonly Readonly<Record<Field, string>>[],
  fit: Fit,
): string => {
  const fields = Object.values(columns)
  return fitTable(
    Object.keys(columns),
    rows.map((row) => fields.map((field) => row[field])),
    fit,
  )
}

/** Names and commands come from images and other people: no control character of theirs reaches the terminal. */
export const printable = (text: string): string =>
  text.replaceAll(CONTROL, (character) => (character === '\n' ? '\\n' : '?'))

// eslint-disable-next-line no-control-regex -- the same, but for tabs and the ends of lines
const CONTROL_IN_LINES = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g

/** The same of a text whose lines are ours. */
export const printableLines = (text: string): string => text.replaceAll(CONTROL_IN_LINES, '?')

export const truncate = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

/** The first twelve digits, without the name of the hash. */
export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12)
