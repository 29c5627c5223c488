/** Volumes that cannot be what was asked for are refused, in one sentence, before anything exists. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { planReadonlyDirectory } from '../fixtures/private-mounts.ts'
import { expectNoResidue, type Residue } from '../fixtures/residue.ts'

const source = mkdtempSync('/tmp/gp-volume-')
const root = makeRoot(planReadonlyDirectory(source))
let before: Residue

beforeAll(async () => {
  chmodSync(source, 0o777)
  writeFileSync(`${source}/file`, 'from the host')
  await root.seedImage()
  before = await root.residue()
})
afterAll(async () => {
  await root.teardown()
  rmSync(source, { recursive: true })
})

const run = (flags: string[], ...command: string[]) => root.run(['--rm', '--network', 'none', ...flags], command)

test.each(['', '/file'])('a source that is read-only here: :rw is refused, and ro it may be (%s)', async (below) => {
  const { exitCode, stderr } = await run(['-v', `${source}${below}:/data:rw`], 'true')
  expect(exitCode).toBe(125)
  expect(stderr).toContain(
    `error: volume source ${source}${below} is read-only here, and :rw asks for more   [volumes.readonly]\n found `,
  )
  expect(stderr).toContain(`mounted read-only at ${source}\n try    -v ${source}${below}:/data:ro; or as root:`)
  for (const option of ['', ':ro'])
    expect(await run(['-v', `${source}:/data${option}`], 'cat', '/data/file')).toMatchObject({
      stdout: 'from the host',
    })
  await expectNoResidue(root.dir, before)
})

test.each([
  [['-v', '/tmp:/proc'], /^error: \/proc cannot be mounted because it is not of type proc {3}\[volumes\.proc\]\n why /],
  [
    ['-v', '/tmp:/proc/sys/x'],
    /^error: \/proc\/sys\/x cannot be mounted because it is inside \/proc {3}\[volumes\.proc\]/,
  ],
  [['--tmpfs', '/proc/x'], /^error: \/proc\/x cannot be mounted because it is inside \/proc {3}\[volumes\.proc\]/],
  [['-v', '/tmp:/sys/none'], /^error: .*\/sys\/none: ENOENT .*\n why {4}nothing can be made in \/sys/],
  [['-v', '/tmp:/data:ro,rw'], /^error: invalid volume '\/tmp:\/data:ro,rw': both ro and rw/],
])('%j', async (flags, message) => {
  // Without the warning of a user who has no subordinate ids.
  const { exitCode, stdout, stderr } = await run(flags, 'true')
  expect(stderr.replace(/^warning: .*\n/, '')).toMatch(message)
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
  await expectNoResidue(root.dir, before)
})

test('what lxcfs stands in for may be mounted in /proc, and a directory of /sys over one that is there', async () => {
  expect(await run(['-v', `${source}/file:/proc/uptime`], 'cat', '/proc/uptime')).toMatchObject({
    stdout: 'from the host',
  })
  expect(await run(['-v', `${source}:/sys/fs`], 'cat', '/sys/fs/file')).toMatchObject({ stdout: 'from the host' })
})
