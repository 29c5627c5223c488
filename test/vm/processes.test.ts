/** Limits of processes and of devices, and the freezer and the end of a whole cgroup, as the kernel has them. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { useApi } from '../fixtures/agent-api.ts'
import { parentOf, readCgroup, readKey } from '../fixtures/cgroup-files.ts'
import { isDead, makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'

const root = makeRoot()
const api = useApi(root)
const WAIT = 'while :; do sleep 1; done'
const MiB = 1024 * 1024

beforeAll(root.seedImage)
afterEach(async () => {
  for (const name of ['one', 'two']) await api.remove(name)
  await api.removePod('shop')
})
afterAll(root.teardown)

describe('pids.max', () => {
  test('stops a fork bomb while the rest of the pod lives', async () => {
    await api.call('POST', '/glasspod/pods/create', { Name: 'shop', Network: 'none' })
    // a shell whose fork is refused ends: the first process must not be one
    const bomb = 'bomb() { bomb | bomb & }; bomb & exec sleep 1000'
    const neighbour = await api.run({ name: 'two', script: WAIT, pod: 'shop' })
    const { cgroup } = await api.run({ name: 'one', script: bomb, host: { PidsLimit: 20 }, pod: 'shop' })
    await until('the limit has refused some', () => readKey(cgroup, 'pids.events', 'max') > 0)
    expect(Number(readCgroup(cgroup, 'pids.current'))).toBeLessThanOrEqual(20)
    expect(await root.ok(['exec', 'two', 'echo', 'alive'])).toBe('alive')
    expect(isDead(neighbour.pid)).toBe(false)
    await api.call('POST', '/containers/one/kill')
    expect((await api.ended('one')).Reason).toMatch(
      /^glasspod kill killed it; its limit of 20 processes refused \d+ more$/,
    )
  })

  test('of a pod bounds all of its containers', async () => {
    await api.call('POST', '/glasspod/pods/create', { Name: 'shop', Network: 'none', Limits: { PidsLimit: 12 } })
    const many = 'i=0; while [ $i -lt 30 ]; do sleep 1000 & i=$((i+1)); done; while :; do sleep 1; done'
    const { cgroup } = await api.run({ name: 'one', script: many, pod: 'shop' })
    const pod = parentOf(cgroup)
    await until('the limit has refused some', () => readKey(pod, 'pids.events', 'max') > 0)
    expect(Number(readCgroup(pod, 'pids.current'))).toBeLessThanOrEqual(12)
  })
})

describe('cgroup.freeze', () => {
  test('stops every process of a container, and lets it go on', async () => {
    const { cgroup, pid } = await api.run({ name: 'one', script: `sleep 1000 & ${WAIT}` })
    await api.call('POST', '/containers/one/pause')
    expect(readKey(cgroup, 'cgroup.events', 'frozen')).toBe(1)
    expect(await api.state('one')).toMatchObject({ Status: 'paused', Paused: true })
    // a frozen task sleeps: not T, which a debugger or SIGSTOP would make of it
    expect(readFileSync(`/proc/${pid}/stat`, 'latin1')).toMatch(/\) S /)
    await api.call('POST', '/containers/one/unpause')
    expect(readKey(cgroup, 'cgroup.events', 'frozen')).toBe(0)
  })
})

describe('cgroup.kill', () => {
  test('ends all of a container at once, and it is known how', async () => {
    const { cgroup, pid } = await api.run({ name: 'one', script: `sleep 1000 & sleep 1000 & ${WAIT}` })
    const members = await until('its children run', () => {
      const pids = readCgroup(cgroup, 'cgroup.procs').split('\n').map(Number)
      return pids.length >= 3 ? pids : undefined
    })
    expect(members).toContain(pid)
    writeFileSync(`${cgroup}/cgroup.kill`, '1')
    expect(await api.ended('one')).toMatchObject({ ExitCode: 137, OOMKilled: false })
    expect(members.filter((member) => !isDead(member))).toEqual([])
  })
})

describe('io.max', () => {
  const home = homedir()
  const device = statSync(home).dev
  const [major, minor] = [device >> 8, device & 0xff]
  const disk = /^DEVNAME=(.*)$/m.exec(readFile(`/sys/dev/block/${major}:${minor}/uevent`))?.[1]

  test.skipIf(disk === undefined)('slows down what writes to a disk [needs a home directory on a disk]', async () => {
    const shared = mkdtempSync(`${home}/gp-io-`)
    try {
      const begin = Date.now()
      const { cgroup } = await api.run({
        name: 'one',
        script: 'while [ ! -e /shared/go ]; do sleep 1; done; dd if=/dev/zero of=/shared/data bs=1M count=3 conv=fsync',
        host: { Binds: [`${shared}:/shared`], BlkioDeviceWriteBps: [{ Path: `/dev/${disk}`, Rate: MiB }] },
      })
      expect(readCgroup(cgroup, 'io.max')).toBe(`${major}:${minor} rbps=max wbps=${MiB} riops=max wiops=max`)
      writeFileSync(`${shared}/go`, '')
      expect((await api.ended('one')).ExitCode).toBe(0)
      // 3 MiB at 1 MiB a second; a slow machine only makes it longer
      expect(Date.now() - begin).toBeGreaterThan(2000)
    } finally {
      rmSync(shared, { recursive: true, force: true })
    }
  })

  test.skipIf(disk === undefined)('takes no partition and no file [needs a home directory on a disk]', async () => {
    const { exitCode, stderr } = await root.run(['--device-write-bps', '/dev/null:1mb'], ['true'])
    expect([exitCode, stderr.includes('error: /dev/null cannot be limited   [io.device]')]).toEqual([125, true])
  })
})

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
