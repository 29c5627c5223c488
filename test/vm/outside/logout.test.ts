/** The last session of the user ends: with lingering his containers go on, without it systemd ends them. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asPod, asRoot, isAlive, makeImage, startContainer, tryAsPod, untilGone } from '../../fixtures/machine.ts'
import { until } from '../../fixtures/glasspod-until.ts'

let image = ''

/** Of class `user`, a login; the manager of a user who lingers is listed too, and lives for UserStopDelaySec (10 s) more. */
const untilNoSession = () =>
  until(
    'pod has no session',
    async () => !/\bpod\b.*\buser\b/.test(await asRoot('loginctl list-sessions --no-legend')),
    60_000,
  )

const removeAll = () => asPod('glasspod ps -aq | xargs -r glasspod rm -f')

beforeAll(async () => {
  image = await makeImage()
  // a run that was cut off may have left some
  await removeAll()
})
afterAll(async () => {
  await asRoot('loginctl enable-linger pod')
  await until(
    'the manager of pod is back',
    async () => (await tryAsPod('systemctl --user is-active -q -- -.slice')).exitCode === 0,
  )
  await removeAll()
})

test('a container outlives the logout of a user who lingers, and the next login finds it', async () => {
  const pid = await startContainer(image, 'stays')
  await untilNoSession()
  expect(await isAlive(pid)).toBe(true)
  expect(await asPod(`glasspod inspect stays | jq '.[0].State.Pid'`)).toBe(`${pid}`)
})

test('the agent is no part of what keeps it: its scope has no main process', async () => {
  const pid = Number(await asPod(`glasspod inspect stays | jq '.[0].State.Pid'`))
  const agent = Number(await asPod(`glasspod agent status --format json | jq .pid`))
  await asRoot(`kill -KILL ${agent}`)
  await untilGone(agent)
  expect(await isAlive(pid)).toBe(true)
  const scope = await asPod(`sed -n 's|.*/\\(glasspod-[^/]*scope\\)/.*|\\1|p' /proc/${pid}/cgroup`)
  expect(await asPod(`systemctl --user is-active ${scope}`)).toBe('active')
  expect(Number(await asPod(`glasspod agent status --format json >/dev/null; glasspod ps -q | wc -l`))).toBe(1)
})

test('doctor says that a user who does not linger loses his containers, and he does', async () => {
  await asRoot('loginctl disable-linger pod')
  const { stdout } = await tryAsPod('glasspod doctor --format json session.linger')
  expect(JSON.parse(stdout)).toEqual([
    expect.objectContaining({
      id: 'session.linger',
      status: 'note',
      found: expect.stringContaining('does not linger') as string,
    }),
  ])
  const pid = Number(await asPod(`glasspod inspect stays | jq '.[0].State.Pid'`))
  expect(await isAlive(pid)).toBe(true)
  await untilGone(pid)
})
