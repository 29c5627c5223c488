import { expect, test } from 'vitest'
import { selectEnvironment, withSbin } from '../../../runtime/rootless/environment.ts'
import { parseLockHolder } from '../../../runtime/rootless/start-agent.ts'
import { parseReport } from '../../../runtime/rootless/start-inside.ts'
import { findSystemUser, refuseWithoutUser } from '../../../runtime/rootless/system-user.ts'
import { isManaged, isOurScope, nameScope, planScope } from '../../../runtime/rootless/user-manager.ts'

test('the agent inherits what it needs and nothing else', () => {
  const env = {
    PATH: '/usr/bin:/sbin',
    HOME: '/home/a',
    LC_ALL: 'C',
    https_proxy: 'http://p',
    NO_PROXY: 'x',
    XDG_RUNTIME_DIR: '/run/user/1000',
    GLASSPOD_IDLE_SECONDS: '5',
    GLASSPOD_ROOT: '/elsewhere',
    NODE_EXTRA_CA_CERTS: '/ca.pem',
    NODE_OPTIONS: '--inspect',
    LD_PRELOAD: '/evil.so',
    SECRET: 'x',
  }
  const kept = {
    PATH: '/usr/bin:/sbin:/usr/local/sbin:/usr/sbin',
    HOME: '/home/a',
    LC_ALL: 'C',
    https_proxy: 'http://p',
    NO_PROXY: 'x',
  }
  expect(selectEnvironment(env, false)).toEqual(kept)
  expect(selectEnvironment(env, true)).toEqual({
    ...kept,
    XDG_RUNTIME_DIR: '/run/user/1000',
    GLASSPOD_IDLE_SECONDS: '5',
  })
  expect(withSbin(undefined)).toBe('/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin')
})

test('the failure of the command line inside is found behind what others printed', () => {
  const failure = parseReport('mount: /dev/net/tun: busy\n{"message":"no room","id":"root.directory","exitCode":125}\n')
  expect(failure?.message).toBe('no room')
  expect(failure?.facts).toEqual({ id: 'root.directory', exitCode: 125 })
  expect(parseReport('systemd-run: Failed to connect to bus\n{broken\n')).toBeUndefined()
})

test('who holds the lock is found by the inode; who waits for it is not', () => {
  const locks = `1: POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF
2: FLOCK  ADVISORY  WRITE 22 08:01:1077 0 EOF
3: FLOCK  ADVISORY  WRITE 33 08:01:77 0 EOF
3: -> FLOCK  ADVISORY  WRITE 44 08:01:78 0 EOF
`
  expect(parseLockHolder(locks, 77)).toBe(33)
  expect(parseLockHolder(locks, 78)).toBeUndefined()
})

test('root becomes the system user, and is told how to make one', () => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nglasspod:x:998:997::/var/lib/glasspod:/usr/sbin/nologin\n'
  expect(findSystemUser(passwd)).toMatchObject({ uid: 998, gid: 997, home: '/var/lib/glasspod' })
  expect(findSystemUser('glasspod:x:0:0::/root:/bin/sh\n')).toBeUndefined()
  const { message, facts } = refuseWithoutUser('100000-165535')
  expect(message).toBe('there is no system user glasspod')
  expect(facts.id).toBe('rootless.user')
  expect(facts.try).toBe(
    'scripts/setup; or: useradd --system --create-home --home-dir /var/lib/glasspod --shell /usr/sbin/nologin glasspod' +
      ' && usermod --add-subuids 100000-165535 --add-subgids 100000-165535 glasspod',
  )
})

test('a scope of systemd is known by its name, and its tree is left to it', () => {
  const name = 'glasspod-0123456789ab'
  const app = '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice'
  expect(isOurScope(`${app}/${nameScope(name)}`, name)).toBe(true)
  expect(isOurScope(`${app}/glasspod-ffffffffffff-1.scope`, name)).toBe(false)
  expect(isOurScope(`${app}/${name}.service`, name)).toBe(false)
  expect(isManaged(app, 1000)).toBe(true)
  expect(isManaged('/sys/fs/cgroup/glasspod', 1000)).toBe(false)
  expect(planScope(name).join(' ')).toBe(
    `systemd-run --user --scope --quiet --collect --unit=${name}-${process.pid}.scope --property=Delegate=yes ` +
      '--description=glasspod containers --',
  )
})
