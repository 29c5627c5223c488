import { readFileSync, readdirSync } from 'node:fs'
import { execa } from 'execa'
import { expect, test } from 'vitest'

const ROOT = new URL('../../..', import.meta.url).pathname

/** Programs, by their first line; what they source is checked with them. */
const scripts = ['scripts', 'scripts/vm-parts', 'cni', '.ci']
  .flatMap((folder) =>
    readdirSync(ROOT + folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isFile() ? [`${folder}/${entry.name}`] : [],
    ),
  )
  .filter((path) => /^#!.*\bsh\n/.test(readFileSync(ROOT + path, 'utf8')))

test('the shell scripts are found', () => {
  expect(scripts).toContain('scripts/vm')
})

test.each(scripts)('ShellCheck finds nothing in %s', async (path) => {
  const { stdout } = await execa('shellcheck', ['-x', '-a', path], { cwd: ROOT, reject: false })
  expect(stdout).toBe('')
})
