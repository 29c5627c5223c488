/** A directory of one test file, and nothing of it afterwards. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll } from 'vitest'

let made = 0

/** `path(name)`: a file in it; `fresh()`: a directory name in it that nobody had. */
export const useDirectory = (): { path: (name: string) => string; fresh: () => string } => {
  let directory = ''
  beforeAll(() => {
    directory = mkdtempSync(`${tmpdir()}/glasspod-unit-`)
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return { path: (name) => `${directory}/${name}`, fresh: () => `${directory}/${made++}` }
}
