/** scripts/demo without its set-up: it shows what it says, and takes everything back, at its end and at a Ctrl-C. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, expect, test } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { listNodeProcesses } from '../fixtures/residue.ts'

const DEMO = new URL('../../dist/scripts/demo.mjs', import.meta.url).pathname
const root = makeRoot()

afterAll(root.teardown)

/** In a process group of its own, as a terminal starts it: what it is sent, all of it is sent. */
const play = () => {
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
  const child = spawn(process.execPath, [DEMO, '--root', root.dir], {
    env: { ...env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const ended = once(child, 'exit').then(([code]) => code as number)
  return {
    child,
    output,
    ended,
    untilSeen: (text: string) => until(text, () => output.stdout.includes(text), 60_000),
    interrupt: () => process.kill(-(child.pid ?? 0), 'SIGINT'),
  }
}

const expectNothingRuns = async () => {
  expect(await root.glasspod(['agent', 'status'])).toMatchObject({ exitCode: 1 })
  expect(listNodeProcesses(root.dir)).toEqual([])
}

test('it shows a pod of two, a neighbour and who shares what, and leaves the image alone', async () => {
  const { ended, output } = play()
  expect({ code: await ended, ...output }).toMatchObject({ code: 0 })
  expect(output.stdout).toContain('It works, and you can see why.')
  expect(output.stdout).toMatch(/web +server +container .*\nweb +client +container /)
  expect(output.stdout).toMatch(/\ndone in \d+\.\d s\n$/)
  await expectNothingRuns()
  expect(await root.ok(['ps', '-aq'])).toBe('')
  expect(await root.ok(['images', '-q'])).toMatch(/^[0-9a-f]{12}$/)
  await root.ok(['agent', 'stop'])
})

test.each(['3. Pull', '4. A pod of two', '5. A neighbour'])(
  'Ctrl-C after "%s", with the other side of the pipe gone too: all is taken back, and it says so',
  async (heading) => {
    const { child, ended, output, untilSeen, interrupt } = play()
    await untilSeen(heading)
    interrupt()
    child.stdout.destroy()
    // Which of the two it meets first is nobody's to say.
    expect([130, 0]).toContain(await ended)
    expect(output.stderr).toMatch(/\n(SIGINT|nobody reads on): cleaning up\n(.*\n)*cleaned up\n$/)
    await expectNothingRuns()
    expect(JSON.parse(await root.ok(['pod', 'ps', '--format', 'json']))).toEqual([])
    await root.ok(['agent', 'stop'])
  },
)
