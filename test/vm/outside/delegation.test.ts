/** What systemd hands down to a user, and what glasspod says when it does not. Only root may change that. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { asPod, asRoot, makeImage, tryAsPod } from '../../fixtures/machine.ts'

const DROP_IN = '/etc/systemd/system/user@.service.d/delegate.conf'
let image = ''

/** The manager of user pod with what is now in the files; his agents end with the old one. */
const restartManager = () => asRoot('systemctl daemon-reload && systemctl restart user@1000.service')

beforeAll(async () => {
  image = await makeImage()
})
afterAll(async () => {
  await asRoot(`[ ! -e ${DROP_IN}.away ] || mv ${DROP_IN}.away ${DROP_IN}`)
  await restartManager()
})

test('with the drop-in a limit of processors is a file of the leaf', async () => {
  await asPod(`glasspod run -d --name limited --cpus 0.5 ${image} sleep 100000`)
  const path = await asPod(`glasspod inspect limited | jq -r '.[0].CgroupPath'`)
  expect(await asRoot(`cat ${path}/cpu.max`)).toBe('50000 100000')
  await asPod('glasspod rm -f limited')
})

test('systemd-cgls shows the pods and their containers in the tree of the user', async () => {
  await asPod(`glasspod run -d --name shown --network none ${image} sleep 4242`)
  const id = await asPod(`glasspod inspect shown | jq -r '.[0].Id[:12]'`)
  const tree = await asRoot('systemd-cgls --no-pager --full /user.slice/user-1000.slice')
  expect(tree).toMatch(/glasspod-[0-9a-f]{12}-\d+\.scope/)
  expect(tree).toMatch(/─supervisor/)
  expect(tree).toMatch(new RegExp(`─${id}\\s[^─]*─\\d+ sleep 4242`))
  await asPod('glasspod rm -f shown')
})

/** systemd hands down cpu, memory and pids of itself: cpuset and io come by the drop-in alone. */
test('without it the controller is missing, and a limit that needs it is refused by its name', async () => {
  await asRoot(`mv ${DROP_IN} ${DROP_IN}.away`)
  await restartManager()
  expect(
    await asRoot('cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers'),
  ).not.toMatch(/\bcpuset\b/)
  const { exitCode, stderr } = await tryAsPod(`glasspod run --rm --network none --cpuset-cpus 0 ${image} true`)
  expect(exitCode).toBe(125)
  expect(stderr).toMatch(/^error: cpuset\.cpus = 0 cannot be enforced here/)
  expect(stderr).toMatch(/found .*the cpuset controller is not delegated/)
  expect(stderr).toMatch(/try .*Delegate/)
  expect(stderr).not.toMatch(/ at .*\.[cm]?[jt]s:/)
  const { stdout } = await tryAsPod('glasspod doctor --format json cgroups.cpuset')
  expect(JSON.parse(stdout)).toEqual([expect.objectContaining({ id: 'cgroups.cpuset', status: 'note' })])
  expect(await asPod(`glasspod run --rm --network none ${image} echo goes on`)).toBe('goes on')
})
