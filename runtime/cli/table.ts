/** Columns as docker and podman print them: an upper-case header, cells aligned left, three spaces between. */
const GAP = 3
// eslint-disable-next-line no-control-regex -- the sequences that colour.ts writes, which take no room
const COLOUR = /\x1b\[\d+m/g
// eslint-disable-next-line no-control-regex -- what would move the cursor or start a sequence
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g

const widthOf = (cell: string) => cell.replaceAll(COLOUR, '').length

export const formatTable = (headers: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = headers.map((header, column) =>
    Math.max(widthOf(header), ...rows.map((row) => widthOf(row[column] ?? ''))),
  )
  return [headers, ...rows]
    .map((row) =>
      widths
        .map((width, column) => {
          const cell = row[column] ?? ''
          return cell + ' '.repeat(width - widthOf(cell) + GAP)
        })
        .join('')
        .trimEnd(),
    )
    .join('\n')
}

/** Names and commands come from images and other people: no control character of theirs reaches the terminal. */
export const printable = (text: string): string =>
  text.replaceAll(CONTROL, (character) => (character === '\n' ? '\\n' : '?'))

export const truncate = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1)}…`

/** The first twelve digits, without the name of the hash. */
export const shortId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12)
