/** `glasspod learn` on a terminal: the keys of a reader, and that the level ends clean however he leaves it. */
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { afterAll, afterEach, expect, test } from 'vitest'
import { until } from '../fixtures/glasspod-until.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'

/** Of this run alone; short, because sockets lie below. */
const work = mkdtempSync('/tmp/gp-')
chmodSync(work, 0o777)
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const CTRL_Z = '\u001a'
const PROMPT = 's skips, q ends › '

let opened: ReturnType<typeof onTerminal> | undefined
const play = (flags = '', before = '', after = '') =>
  (opened = onTerminal(
    { dir: `${work}/root` },
    // the shell of a reader, too, outlives a Ctrl-C that ends a command
    `${before}trap : INT; export TMPDIR=${work}; glasspod learn --lang en ${flags} 00${after}; echo "code $?"; stty -a | grep -ow icanon`,
  ))

afterEach(() => {
  // only where a test has failed
  opened?.child.kill()
  expect(readdirSync(work)).toEqual([])
})
afterAll(() => {
  rmSync(work, { recursive: true })
})

/** What the terminal showed after all was over; it takes lines again. */
const endOf = async ({ child, seen }: ReturnType<typeof play>, code: number): Promise<string> => {
  await child
  expect(seen()).toMatch(new RegExp(`code ${code}\\r\\nicanon\\r\\n$`))
  return seen()
}

test.each([
  ['Ctrl-C', CTRL_C, 130],
  ['Ctrl-D', CTRL_D, 0],
  ['q', 'q\r', 0],
  ['exit', 'exit\r', 0],
] as const)('%s at the prompt ends the level, and it is taken back', async (_name, keys, code) => {
  const terminal = play()
  await terminal.untilSeen(PROMPT)
  terminal.type(keys)
  await terminal.untilSeen('cleaning up')
  const seen = await endOf(terminal, code)
  expect(seen).not.toContain('✘')
  expect(seen).not.toContain('The answer')
})

test('Ctrl-C while a command runs ends both', async () => {
  const terminal = play()
  await terminal.untilSeen(PROMPT)
  terminal.type(': >begun; sleep 1000\r')
  const [place = ''] = readdirSync(work).filter((name) => name.startsWith('gp-learn-'))
  await until('the command runs', () => existsSync(`${work}/${place}/begun`))
  terminal.type(CTRL_C)
  await terminal.untilSeen('cleaning up')
  expect(await endOf(terminal, 130)).not.toContain('✘')
})

test('Ctrl-Z at the prompt gives the shell back, and fg the prompt', async () => {
  const terminal = play('', 'set -m; ', '; echo "stopped $?"; fg')
  await terminal.untilSeen(PROMPT)
  terminal.type(CTRL_Z)
  await terminal.untilSeen(/stopped 1\d\d/)
  await terminal.untilSeen(PROMPT)
  terminal.type('q\r')
  await endOf(terminal, 0)
})

test('a terminal that is closed ends the level, and it is taken back', async () => {
  const terminal = play()
  await terminal.untilSeen(PROMPT)
  terminal.child.kill('SIGKILL')
  await until('all is taken back', () => readdirSync(work).length === 0)
})

test('--auto goes on by itself, and Ctrl-C ends it too', async () => {
  const terminal = play('--auto')
  await terminal.untilSeen('✔')
  await terminal.untilSeen('✔')
  terminal.type(CTRL_C)
  expect(await endOf(terminal, 130)).not.toContain('✘')
})

test('a reader who was nearly right is told so, and may try again; the answer comes when he has thought', async () => {
  const terminal = play()
  await terminal.untilSeen(PROMPT)
  terminal.type('true\r')
  expect(await terminal.untilSeen('s goes on, q ends › ')).toContain('✘ The variable pid should hold')
  terminal.type('\r')
  expect(await terminal.untilSeen(PROMPT)).toContain('✔ /proc/$pid/comm says: sleep')
  terminal.type('s\r')
  expect(await terminal.untilSeen(PROMPT)).not.toMatch(/[✔✘]/)
  for (let left = 4; left > 1; left -= 1) {
    terminal.type('\r')
    expect(await terminal.untilSeen(PROMPT)).toContain('✔')
  }
  terminal.type('\r')
  const question = await terminal.untilSeen('Enter goes on › ')
  expect(question).toContain('A question')
  expect(terminal.seen()).not.toContain('The answer')
  terminal.type('\r')
  const end = await terminal.untilSeen('glasspod learn 01')
  expect(end).toMatch(/The answer[^]*Done, and all of it is taken back\.[^]*next: 01/)
  await endOf(terminal, 0)
})
