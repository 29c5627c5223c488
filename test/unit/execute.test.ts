/** What a step says is what is there afterwards: the mode of a directory, whatever the umask, and only of one that it made. */
import { chmodSync, mkdirSync, statSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { executeSteps } from '../../runtime/execute.ts'
import { useDirectory } from './agent/temporary.ts'

const directory = useDirectory()
const umask = process.umask()
afterEach(() => void process.umask(umask))

const make = (path: string, mode: number) =>
  executeSteps([{ kind: 'mkdir', id: 'x.directory', why: 'A directory.', man: 'mkdir(2)', path, mode }], {
    effects: {},
  })
const modeOf = (path: string) => statSync(path).mode & 0o777

test('a directory has its mode under any umask, one that was there keeps its own', async () => {
  const root = directory.fresh()
  process.umask(0o077)
  await make(`${root}/shared`, 0o777)
  expect(modeOf(`${root}/shared`)).toBe(0o777)
  mkdirSync(`${root}/old`)
  chmodSync(`${root}/old`, 0o500)
  await make(`${root}/old`, 0o777)
  expect(modeOf(`${root}/old`)).toBe(0o500)
})
