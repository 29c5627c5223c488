/** "Did you mean": the closest of some names, by edit distance, or because one begins with the other. */

/** Edits of one letter: added, dropped, replaced, or two neighbours exchanged (optimal string alignment). */
const countEdits = (from: string, to: string): number => {
  const grid: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  const at = (row: number, column: number) => grid[row]?.[column] ?? Infinity
  for (let row = 1; row <= from.length; row += 1) {
    grid[row] = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = at(row - 1, column - 1) + (from[row - 1] === to[column - 1] ? 0 : 1)
      const exchanged =
        from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1] ? at(row - 2, column - 2) + 1 : Infinity
      grid[row]?.push(Math.min(replaced, exchanged, at(row - 1, column) + 1, at(row, column - 1) + 1))
    }
  }
  return at(from.length, to.length)
}

export const findNearest = (typed: string, names: readonly string[]): string | undefined => {
  const [best] = names
    .map((name) => ({ name, edits: countEdits(typed, name) }))
    .sort((one, other) => one.edits - other.edits)
  if (best !== undefined && best.edits <= Math.max(1, Math.floor(typed.length / 3))) return best.name
  return typed.length < 2 ? undefined : names.find((name) => name.startsWith(typed) || typed.startsWith(name))
}
