/** No file reaches itself by what it imports: of two that need each other, the part that both need is a third. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const FOLDERS = ['runtime', 'images', 'cni', 'scripts', 'test']
/** Types too, and what is loaded when it is needed. */
const IMPORT = /(?:\bfrom|\bimport\()\s*'(\.[^']+\.ts)'/g

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name}`),
)
const imports = new Map(
  sources.map((path) => [
    path,
    [...readFileSync(path, 'utf8').matchAll(IMPORT)].map(([, to = '']) => join(dirname(path), to)),
  ]),
)

/** The first circle that is met, from a file to itself. */
const findCircle = (): string[] | undefined => {
  const done = new Set<string>()
  const visit = (path: string, above: readonly string[]): string[] | undefined => {
    if (above.includes(path)) return [...above.slice(above.indexOf(path)), path]
    if (done.has(path)) return undefined
    for (const to of imports.get(path) ?? []) {
      const circle = visit(to, [...above, path])
      if (circle !== undefined) return circle
    }
    done.add(path)
    return undefined
  }
  for (const path of sources) {
    const circle = visit(path, [])
    if (circle !== undefined) return circle
  }
  return undefined
}

it('imports make no circle', () => {
  expect(imports.get('runtime/cli/verbs/ps.ts')).toContain('runtime/cli/table.ts')
  expect(findCircle()).toBeUndefined()
})
