/** The screens of docs/see-through.md are what glasspod prints. CAPTURE=1 writes them anew. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { cutScreen, normalise, readCaptures, replaceScreens, ROWS } from '../fixtures/capture.ts'
import { makeRoot } from '../fixtures/glasspod.ts'

const PAGE = new URL('../../docs/see-through.md', import.meta.url).pathname
const root = makeRoot()
/** What one command writes, a later one reads. */
const cwd = mkdtempSync('/tmp/gp-captures-')
const page = readFileSync(PAGE, 'utf8')
const captures = readCaptures(page)
const screens: string[] = []

beforeAll(root.seedImage)
afterAll(async () => {
  if (process.env['CAPTURE'] !== undefined) writeFileSync(PAGE, replaceScreens(page, screens))
  rmSync(cwd, { recursive: true })
  await root.teardown()
})

describe('the screens of docs/see-through.md', () => {
  test('are there', () => expect(captures.length).toBeGreaterThan(2))

  test.each(captures)('$command', async ({ command, keys, screen, ...part }) => {
    const words = command.split(' ').slice(1)
    const { stdout, stderr } = await root.glasspod(
      words.map((word) => (word === 'busybox' ? root.image : word)),
      keys === undefined ? { cwd } : { cwd, input: `${keys.replaceAll(',', '\n')}\n` },
    )
    const shown = cutScreen(`${stderr}${stdout}`, part)
      .replaceAll(root.dir, '/home/you/.local/share/glasspod')
      .replaceAll(root.image, 'busybox')
    screens.push(shown)
    expect(shown.split('\n').length).toBeLessThan(ROWS)
    expect(Math.max(...shown.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    if (process.env['CAPTURE'] === undefined) expect(normalise(shown)).toBe(normalise(screen))
  })
})
