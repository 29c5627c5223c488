/** The screens of docs/see-through.md are what glasspod prints in a pipe. CAPTURE=1 writes them anew. */
import { mkdtempSync, rmSync } from 'node:fs'
import { afterAll, beforeAll } from 'vitest'
import { testPage } from '../fixtures/capture-page.ts'
import { makeRoot } from '../fixtures/glasspod.ts'

const root = makeRoot()
/** What one command writes, a later one reads. */
const cwd = mkdtempSync('/tmp/gp-captures-')

beforeAll(root.seedImage)
afterAll(async () => {
  rmSync(cwd, { recursive: true })
  await root.teardown()
})

testPage('see-through.md', async ({ command, keys }) => {
  const words = command.split(' ').slice(1)
  const { stdout, stderr } = await root.glasspod(
    words.map((word) => (word === 'busybox' ? root.image : word)),
    keys === undefined ? { cwd } : { cwd, input: `${keys.replaceAll(',', '\n')}\n` },
  )
  return `${stderr}${stdout}`.replaceAll(root.dir, '/home/you/.local/share/glasspod').replaceAll(root.image, 'busybox')
})
