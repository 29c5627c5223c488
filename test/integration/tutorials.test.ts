/** Every level of the tutorials is played, to its end and clean; and a check that fails is red. */
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { parseCgroupMount } from '../../runtime/rootless/cgroup-delegation.ts'
import { findGround } from '../../scripts/tutorials/ground.ts'
import { LEVELS } from '../../scripts/tutorials/levels.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { BIN } from '../fixtures/glasspod.ts'

/** Of this run alone; short, because sockets lie below. */
const work = mkdtempSync('/tmp/gp-')
chmodSync(work, 0o777)
afterAll(() => {
  rmSync(work, { recursive: true })
})

const learn = async (args: readonly string[], env: Record<string, string> = {}) => {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [BIN, 'learn', ...args], {
    env: { NO_COLOR: '1', TMPDIR: work, ...env },
    reject: false,
    stdin: 'ignore',
  })
  return { exitCode, stdout, stderr }
}

/** As `watch` runs it, once, in a shell that was started elsewhere. */
const watchOnce = async (printed: string) => {
  const script = `watch() { shift 2; sh -c "$*"; }\n${printed}`
  const { exitCode, stdout, stderr } = await execa('sh', ['-c', script], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '', HOME: work },
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  })
  return { exitCode, stdout, stderr }
}

/** Plays with --watch, and asks after each check, until there is an answer, what a second terminal would see. */
const playWatched = async (id: string) => {
  const child = execa(process.execPath, [BIN, 'learn', '--ci', '--watch', '--lang', 'en', id], {
    env: { NO_COLOR: '1', TMPDIR: work },
    reject: false,
    stdin: 'ignore',
  })
  let seen = ''
  let watching = Promise.resolve('')
  const looks: object[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text
    const [, source = '', command = ''] = /^\$ (\. .*)\n\$ (watch .*)$/m.exec(seen) ?? []
    if (!text.includes('✔')) return
    watching = watching.then(async (shown) => {
      if (shown !== '') return shown
      const look = await watchOnce(`${source}\n${command}`)
      looks.push(look)
      return look.exitCode === 0 && look.stderr === '' ? look.stdout : ''
    })
  })
  const { exitCode, stdout, stderr } = await child
  return { exitCode, stdout, stderr, shown: await watching, looks }
}

/** unshare(1) of util-linux 2.38, about whom SIGKILL has ended: it wants to die of the same, and asks for its handler first. */
const HARMLESS = 'unshare: sigprocmask unblock failed'

/** Errors that were printed before a check where nothing was meant to fail. */
const errorsOf = (stdout: string): string[] =>
  stdout
    .split(/^✔.*$/m)
    .filter((part) => !part.includes('(this is meant to fail)'))
    .flatMap((part) => part.match(/^ *(?:error|sh|jq|grep|cat|nsenter|unshare|glasspod): .*$/gm) ?? [])
    .filter((line) => !line.includes(HARMLESS))

const places = () => readdirSync(work).filter((name) => name.startsWith('gp-learn-'))

/** Root's system user is given one; an ordinary user may have none to give. */
const canHaveCgroup = () => process.getuid?.() === 0 || findGround(process.env) !== undefined

/** Asked of the machine, not of the level: does it lack what a step needs, by this name? */
const isLacking = (name: string): boolean => {
  if (name.startsWith('a delegated cgroup')) return !canHaveCgroup()
  const [, controller] = /^the (\w+) controller in cgroup v2/.exec(name) ?? []
  if (controller === undefined) return !existsSync('/proc/pressure/cpu')
  const root = parseCgroupMount(readFileSync('/proc/self/mountinfo', 'utf8'))?.mountPoint ?? ''
  return !readFileSync(`${root}/cgroup.controllers`, 'utf8').trim().split(' ').includes(controller)
}

describe('each level holds to its last check', () => {
  test.for(LEVELS.map(({ id, name }) => [id, name] as const))('%s %s', async ([id], { skip }) => {
    const level = LEVELS.find((candidate) => candidate.id === id)
    skip(level?.cgroup === 'needed' && !canHaveCgroup(), 'missing capability: a delegated cgroup')
    const { exitCode, stdout, stderr, shown, looks } = await playWatched(id)
    expect({ exitCode, stderr, faults: stdout.split('\n').filter((line) => line.startsWith('✘')) }).toEqual({
      exitCode: 0,
      stderr: '',
      faults: [],
    })
    const left = (level?.steps ?? []).filter(({ needs }) => needs !== undefined && isLacking(needs.name.en))
    const linesWith = (sign: string) => stdout.split('\n').filter((line) => line.startsWith(sign))
    expect(linesWith('–')).toHaveLength(left.length)
    expect(linesWith('✔')).toHaveLength((level?.steps.length ?? 0) - left.length)
    expect(places()).toEqual([])
    expect(errorsOf(stdout)).toEqual([])
    // the terminal has 80, and what is made for it is indented by two
    expect(stdout.split('\n').filter((line) => / {3}|─{3}/.test(line) && [81, 82].includes([...line].length))).toEqual(
      [],
    )
    expect(shown, `a second terminal sees ${JSON.stringify(looks)}`).not.toBe('')
  })
})

test('without a tool that it needs a level is red, and all is taken back', async () => {
  const bin = `${work}/broken`
  mkdirSync(bin, { mode: 0o755 })
  writeFileSync(`${bin}/busybox`, '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const { exitCode, stdout } = await learn(['--ci', '--lang', 'en', '04'], {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
  })
  expect(exitCode).toBe(1)
  expect(stdout).toMatch(/^✘ ps should list itself alone/m)
  expect(places()).toEqual([])
})

test('ended while its image is made it takes back what there is of it, the registry too', async () => {
  const child = execa(process.execPath, [BIN, 'learn', '--ci', '--lang', 'en', '00'], {
    env: { NO_COLOR: '1', TMPDIR: work },
    reject: false,
    stdin: 'ignore',
  })
  const made = await until('a registry', () => readdirSync(work).find((name) => name.startsWith('glasspod-registry-')))
  process.kill(child.pid ?? 0, 'SIGINT')
  const { exitCode, stdout } = await child
  expect({ made, exitCode, stdout: stdout.split('\n').slice(1) }).toEqual({
    made,
    exitCode: 130,
    stdout: ['', 'cleaning up'],
  })
  expect(readdirSync(work).filter((name) => name !== 'broken')).toEqual([])
})

describe('the languages', () => {
  test('the locale chooses, --lang outranks it', async () => {
    expect((await learn([], { LC_ALL: 'zh_CN.UTF-8' })).stdout).toContain('关卡')
    expect((await learn([], { LC_ALL: '', LC_MESSAGES: '', LANG: 'zh_TW.UTF-8' })).stdout).toContain('关卡')
    expect((await learn(['--lang', 'en'], { LC_ALL: 'zh_CN.UTF-8' })).stdout).toContain('Levels')
  })

  test('a level is the same in Chinese, but for the words', async () => {
    const { exitCode, stdout } = await learn(['--ci', '--lang', 'zh', '03'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('写时复制')
    expect(stdout.split('\n').filter((line) => line.startsWith('✔'))).toHaveLength(LEVELS[3]?.steps.length ?? 0)
  })
})

test('where bin/ and dist/ alone were copied, it is said what is missing', async () => {
  const [checkout, copy] = [dirname(dirname(BIN)), `${work}/copy`]
  for (const part of ['bin', 'dist']) cpSync(`${checkout}/${part}`, `${copy}/${part}`, { recursive: true })
  const { exitCode, stderr } = await execa(process.execPath, [`${copy}/bin/glasspod`, 'learn'], { reject: false })
  expect({ exitCode, stderr }).toEqual({
    exitCode: 125,
    stderr: expect.stringMatching(
      /^error: the tutorials need zx, a package of npm {3}\[learn\.program\]\n found .*\n try {4}scripts\/setup/,
    ) as string,
  })
  rmSync(copy, { recursive: true })
})

test('a level that is none is an error that says what there is', async () => {
  expect(await learn(['99'])).toMatchObject({
    exitCode: 125,
    stderr: 'error: there is no level 99\n try    glasspod learn, which lists them',
  })
})
