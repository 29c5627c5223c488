/** `--record FILE` and `replay FILE`: the same screens, without an agent, and a damaged file is a sentence. */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectSoon } from '../fixtures/expect-soon.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'
import { stepped } from '../fixtures/stepped.ts'

const root = makeRoot()
/** No agent was ever here, and none is after a replay. */
const nowhere = makeRoot()
const directory = mkdtempSync('/tmp/gp-rec-')
const file = `${directory}/run.jsonl`
let live: string

beforeAll(async () => {
  await root.seedImage()
  const { exitCode, stdout, stderr } = await root.run(
    ['--name', 'recorded', '--network', 'none', '--step=auto:0', '--record', file],
    ['echo', 'made'],
  )
  expect({ exitCode, stdout }, stderr).toEqual({ exitCode: 0, stdout: 'made' })
  live = stderr
})
afterAll(async () => {
  rmSync(directory, { recursive: true })
  rmSync(nowhere.dir, { recursive: true })
  await root.teardown()
})

test('a recorded run is replayed with the same screens, and needs no agent', async () => {
  const { exitCode, stdout, stderr } = await nowhere.glasspod(['replay', '--auto=0', file])
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  const [command, ...screens] = stdout.split('\n')
  expect(command).toMatch(/^\$ glasspod run .* echo made$/)
  expect(screens.join('\n')).toBe(live)
  expect(existsSync(`${nowhere.dir}/glasspod-root`)).toBe(false)
  // what it has of the command is its owner's alone
  expect(statSync(file).mode & 0o077).toBe(0)
})

test('on a terminal it has the keys of the run', async () => {
  const terminal = onTerminal(nowhere, `glasspod replay ${file}; echo "code $?"`)
  await terminal.untilSeen('? help\r\n')
  terminal.type('gmounts.devpts\r')
  await terminal.untilSeen('go to step: mounts.devpts\r\n')
  expect(await terminal.untilSeen('? help\r\n')).toContain('mounts.devpts')
  terminal.type('gpod.directory\r')
  expect(await terminal.untilSeen('? help\r\n')).toContain('no step ahead is called pod.directory')
  terminal.type('s')
  expect(await terminal.untilSeen('q to the step')).toContain('namespaces')
  terminal.type('q')
  await terminal.untilSeen('? help\r\n')
  terminal.type('!')
  expect(await terminal.untilSeen('? help\r\n')).toContain('a recording has no process')
  terminal.type('q')
  await terminal.child
  expect(terminal.seen()).toContain('code 0')
})

test('a run that was left is a recording too, and so is one whose client was killed, up to there', async () => {
  const left = `${directory}/left.jsonl`
  const run = stepped(root, ['run', '--rm', '--network', 'none', '--step', '--record', left, root.image, 'true'])
  await run.goTo('container.upper')
  await run.press('q')
  await run.child
  const { stdout } = await nowhere.glasspod(['replay', '--auto=0', left])
  expect(stdout).toMatch(/^✘ left before step container\.upper$/m)

  const killed = `${directory}/killed.jsonl`
  const lost = stepped(root, [
    'run',
    '--name',
    'lost',
    '--network',
    'none',
    '--step',
    '--record',
    killed,
    root.image,
    'true',
  ])
  await lost.goTo('container.upper')
  lost.child.kill('SIGKILL')
  await lost.child
  const replayed = await nowhere.glasspod(['replay', '--auto=0', killed])
  expect(replayed.stdout).toMatch(/^[\d.]+ container\.upper /m)
  expect(replayed.stderr).toBe('the recording ends here: who recorded it was killed')
  await expectSoon(() => root.ok(['ps', '-a', '--format', 'json'])).not.toContain('"lost"')
})

test('a damaged file is told by its line, without a stack', async () => {
  const damaged = `${directory}/damaged.jsonl`
  const replay = async (text: string) => {
    writeFileSync(damaged, text)
    const { exitCode, stdout, stderr } = await nowhere.glasspod(['replay', '--auto=0', damaged])
    expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
    expect(stderr).not.toMatch(/^ +at /m)
    return stderr
  }
  const text = readFileSync(file, 'utf8')
  const lines = text.split('\n')
  expect(await replay(text.slice(0, -100))).toMatch(/^error: .*damaged\.jsonl: the recording ends within line \d+/)
  expect(await replay(lines.with(4, '{"list":0,"before":"x"}').join('\n'))).toMatch(
    /: line 5 of the recording is damaged/,
  )
  expect(await replay('')).toMatch(/: no recording of --step/)
  expect(await replay('\u0000\u007fELF\n')).toMatch(/: no recording of --step/)
  expect((await nowhere.glasspod(['replay', `${directory}/none`])).stderr).toMatch(/^error: replay .*none: ENOENT/)
  expect((await nowhere.glasspod(['replay', directory])).stderr).toMatch(/: no recording of --step/)
})

test('where nothing can be written nothing is run, and --record goes with --step', async () => {
  const { exitCode, stdout, stderr } = await root.run(
    ['--rm', '--network', 'none', '--step=auto:0', '--record', `${directory}/no/such`],
    ['echo', 'ran'],
  )
  expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: '' })
  expect(stderr).toMatch(/^error: record in .*such: ENOENT/)
  const full = await root.run(['--rm', '--network', 'none', '--step=auto:0', '--record', '/dev/full'], ['echo', 'ran'])
  expect(full).toMatchObject({ exitCode: 125, stdout: '' })
  expect(full.stderr).toMatch(/^error: record in \/dev\/full: ENOSPC/)
  expect((await root.run(['--record', file], ['true'])).stderr).toMatch(/^error: --record goes with --step/)
})
