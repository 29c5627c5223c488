/** `glasspod doctor` as a whole, what it says of a process and of leftovers; doctor-conditions.test.ts has its conditions. */
import { execFileSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { isAliveNow } from '../fixtures/netns.ts'
import { listNodeProcesses } from '../fixtures/residue.ts'
import { makeSandbox } from '../fixtures/sandbox.ts'

interface Finding {
  leftovers?: { what: string; remove: string }[]
}

const sandbox = makeSandbox()
const test = makeRoot()

afterAll(() => {
  sandbox.end()
  rmSync(test.dir, { recursive: true, force: true })
})

const isRoot = process.getuid?.() === 0

describe('a process with', () => {
  it('no_new_privs: the map is refused, and ids.map says why', () => {
    const glasspod = [process.execPath, `${sandbox.dir}/app/bin/glasspod`, '--root', test.dir]
    const become = isRoot ? ['--reuid', 'glasspod', '--regid', 'glasspod', '--init-groups', '--inh-caps', '-all'] : []
    const run = () =>
      execFileSync('setpriv', ['--no-new-privs', ...become, '--', ...glasspod, 'doctor', 'ids.map'], {
        encoding: 'utf8',
        env: { PATH: process.env['PATH'] ?? '' },
        cwd: '/',
      })
    expect(run).toThrow(
      expect.objectContaining({ status: 1, stdout: expect.stringMatching(/has no_new_privs/) as string }) as Error,
    )
  })
})

describe('an error', () => {
  it('has the finding of the probe that knows its cause', async () => {
    const { exitCode, stderr } = await sandbox.glasspod('echo 0 > /proc/sys/user/max_user_namespaces', ['info'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/^error: unshare: .*No space left on device {3}\[process\.unshare\]$/m)
    expect(stderr).toMatch(/^ found {2}.*user\.max_user_namespaces is 0: nobody may make one$/m)
    expect(stderr).toMatch(/^ try {4}sudo sysctl -w user\.max_user_namespaces=\d+$/m)
  })
})

describe('doctor', () => {
  it('asks everything without an agent, and leaves nothing behind', async () => {
    const { exitCode, stdout, stderr } = await test.glasspod(['doctor', '--all'])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^ {2}✔ userns\.create +unshare --user works$/m)
    expect(stdout).toMatch(/^\d+ blockers?, \d+ warnings?, \d+ notes?, \d+ fine/m)
    expect(exitCode).toBe(/^0 blockers/m.test(stdout) ? 0 : 1)
    expect(existsSync(`${test.dir}/glasspod-root`)).toBe(false)
    expect(execFileSync('find', [test.dir], { encoding: 'utf8' })).toBe(`${test.dir}\n`)
  })

  it('does not know what it does not know', async () => {
    const { exitCode, stderr } = await test.glasspod(['doctor', 'uplink.tum'])
    expect(exitCode).toBe(125)
    expect(stderr).toMatch(/doctor knows no condition uplink\.tum .*\n try {4}glasspod doctor uplink\.tun/)
  })

  it('--residue finds a node whose directories are gone, and its commands remove it', async () => {
    const lost = makeRoot()
    await lost.ok(['info'])
    const processes = listNodeProcesses(lost.dir)
    const runtime = execFileSync('readlink', [`${lost.dir}/run`], { encoding: 'utf8' }).trim()
    rmSync(runtime, { recursive: true, force: true })
    rmSync(lost.dir, { recursive: true, force: true })
    const find = async () => {
      const findings = JSON.parse(await test.ok(['doctor', '--residue', '--format', 'json'])) as Finding[]
      return findings
        .flatMap(({ leftovers = [] }) => leftovers)
        .filter(({ what }) => processes.some((pid) => what.startsWith(`process ${pid} `)))
    }
    const leftovers = await find()
    expect(leftovers.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^process \d+ glasspod-holder$/))
    for (const { remove } of leftovers) execFileSync('sh', ['-c', remove])
    const named = processes.filter((pid) => leftovers.some(({ what }) => what.startsWith(`process ${pid} `)))
    await until('they end', () => !named.some(isAliveNow))
    expect(await find()).toEqual([])
  })
})
