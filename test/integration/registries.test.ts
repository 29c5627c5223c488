/** Promise: logins, mirrors and platforms work by the command line as docker's and podman's do. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { makeSmallImage, type Fault, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import type { TestRoot } from '../fixtures/glasspod.ts'
import { rootWith } from '../fixtures/root-with.ts'

const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`
const isPrivate: Fault = ({ path, authorization, response }) => {
  if (authorization === basic) {
    if (path !== '/v2/') return false
    response.end('{}')
    return true
  }
  response.writeHead(401, { 'www-authenticate': 'Basic realm="here"' }).end()
  return true
}

/** Nobody listens there. */
const OTHER = '127.0.0.1:1'

/** Keeps one login, in a file beside itself. */
const HELPER = `#!/bin/sh
kept="$(dirname "$0")/kept"
case "$1" in
  store) cat >"$kept" ;;
  get) cat "$kept" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
  erase) rm -f "$kept" ;;
esac
`

let root: TestRoot
let registry: FaultyRegistry
let directory: string
let authfile: string
let teardown: () => Promise<void>
beforeAll(async () => {
  const equipped = await rootWith(await makeSmallImage([[{ name: 'a', content: 'a' }]]))
  ;({ root, directory, teardown } = equipped)
  ;[registry] = equipped.registries as [FaultyRegistry]
  registry.fault = isPrivate
  authfile = join(directory, 'auth.json')
})
afterAll(() => teardown())

test('login keeps what the registry accepts, pull uses it, logout forgets it', async () => {
  const { host } = registry
  const login = (password: string) =>
    root.glasspod(['login', '--authfile', authfile, '-u', 'me', '--password-stdin', host], { input: `${password}\n` })
  const refused = await login('wrong')
  expect(refused.exitCode).toBe(125)
  expect(refused.stderr).toContain(`error: registry ${host} refuses this login   [registry.denied]`)
  expect((await login('secret')).stdout).toBe('Login Succeeded')
  expect(statSync(authfile).mode & 0o777).toBe(0o600)
  expect(JSON.parse(readFileSync(authfile, 'utf8'))).toEqual({
    auths: { [host]: { auth: Buffer.from('me:secret').toString('base64') } },
  })

  const without = await root.glasspod(['pull', `${host}/x`], { env: { HOME: directory } })
  expect(without.exitCode).toBe(125)
  expect(without.stderr).toContain(` try    glasspod login ${host}`)
  expect(await root.ok(['pull', '-q', '--authfile', authfile, `${host}/x`])).toMatch(/^sha256:/)
  expect(await root.ok(['pull', '-q', `${host}/x`], { env: { REGISTRY_AUTH_FILE: authfile } })).toMatch(/^sha256:/)

  expect(await root.ok(['logout', '--authfile', authfile, host])).toBe(`Removed login for ${host}`)
  expect((await root.glasspod(['logout', '--authfile', authfile, host])).stderr).toContain(`not logged in to ${host}`)
})

test('a helper keeps the secret for login, gives it to pull, and forgets it at logout', async () => {
  const { host } = registry
  const home = join(directory, 'home')
  mkdirSync(home)
  chmodSync(home, 0o777)
  writeFileSync(join(home, 'docker-credential-file'), HELPER, { mode: 0o755 })
  writeFileSync(join(home, 'config.json'), '{"credsStore":"file"}')
  const env = { DOCKER_CONFIG: home, HOME: home, PATH: `${home}:${process.env['PATH'] ?? ''}` }
  await root.ok(['login', '-u', 'me', '--password-stdin', host], { env, input: 'secret' })
  expect(readFileSync(join(home, 'kept'), 'utf8')).toBe(`{"ServerURL":"${host}","Username":"me","Secret":"secret"}`)
  expect(JSON.parse(readFileSync(join(home, 'config.json'), 'utf8'))).toEqual({
    credsStore: 'file',
    auths: { [host]: {} },
  })
  expect(await root.ok(['pull', '-q', `${host}/x`], { env })).toMatch(/^sha256:/)
  expect(await root.ok(['logout', host], { env })).toBe(`Removed login for ${host}`)
  expect(existsSync(join(home, 'kept'))).toBe(false)
  expect((await root.glasspod(['pull', '-q', `${host}/x`], { env })).stderr).toContain('[registry.denied]')
})

test('a mirror gets its own login, out of a file that only its owner may read', async () => {
  const { host } = registry
  const own = join(directory, 'own')
  mkdirSync(own, { mode: 0o700 })
  const auth = basic.replace('Basic ', '')
  writeFileSync(join(own, 'config.json'), JSON.stringify({ auths: { [`https://${host}/v2/`]: { auth } } }))
  const conf = join(directory, 'mirrors.conf')
  writeFileSync(conf, `[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "${host}"\n`)
  const env = { CONTAINERS_REGISTRIES_CONF: conf, DOCKER_CONFIG: own }
  expect(await root.ok(['pull', '-q', 'quay.io/x'], { env })).toMatch(/^sha256:/)
  writeFileSync(conf, `unqualified-search-registries = ["${host}"]\n`)
  expect(await root.ok(['pull', '-q', 'x'], { env })).toMatch(/^sha256:/)
  // Who pulls is told why a mirror was asked without.
  writeFileSync(conf, `[[registry]]\nlocation = "${OTHER}"\n[[registry.mirror]]\nlocation = "${host}"\n`)
  writeFileSync(join(own, 'config.json'), JSON.stringify({ credHelpers: { [host]: 'absent' } }))
  expect((await root.glasspod(['pull', '-q', `${OTHER}/x`], { env })).stderr).toContain('docker-credential-absent')
})

test('--creds is the login for one time, and is not told back', async () => {
  const { host } = registry
  const env = { HOME: directory }
  expect(await root.ok(['pull', '-q', '--creds', 'me:secret', `${host}/x`], { env })).toMatch(/^sha256:/)
  expect((await root.glasspod(['pull', '-q', '--creds', 'me:no', `${host}/x`], { env })).stderr).toContain('denied')
  const { exitCode, stderr } = await root.glasspod(['pull', '--creds', 'secret', `${host}/x`], { env })
  expect([exitCode, stderr]).toEqual([125, expect.stringContaining('--creds is not USER:PASSWORD')])
  expect(stderr).not.toContain('secret')
  // It is for the registry that a short name stands for, and not for a mirror.
  const conf = join(directory, 'creds.conf')
  const asked = { env: { ...env, CONTAINERS_REGISTRIES_CONF: conf } }
  writeFileSync(conf, `unqualified-search-registries = ["${host}"]\n`)
  expect(await root.ok(['pull', '-q', '--creds', 'me:secret', 'x'], asked)).toMatch(/^sha256:/)
  writeFileSync(conf, `unqualified-search-registries = ["${host}", "${OTHER}"]\n`)
  expect((await root.glasspod(['pull', '-q', '--creds', 'me:secret', 'x'], asked)).stderr).toContain(
    `--creds is for one registry, and x may be in ${host}, ${OTHER}`,
  )
  writeFileSync(conf, `[[registry]]\nlocation = "${OTHER}"\n[[registry.mirror]]\nlocation = "${host}"\n`)
  const { stderr: refused } = await root.glasspod(['pull', '-q', '--creds', 'me:secret', `${OTHER}/x`], asked)
  expect(refused).toContain(`mirror ${host}: registry ${host} wants a login for x`)
})

test('login asks for what is missing only at a terminal; logout --all forgets all', async () => {
  const refusals = [
    [[], 'the user name is missing, and there is no terminal to ask at'],
    [['-u', 'me'], 'the password is missing, and there is no terminal to ask at'],
    [['--password-stdin'], 'needs --username'],
    [['-u', 'me', '-p', 'x', '--password-stdin'], 'not both'],
  ] as const
  for (const [flags, words] of refusals) {
    const { exitCode, stderr } = await root.glasspod(['login', ...flags, registry.host])
    expect([exitCode, stderr]).toEqual([125, expect.stringContaining(words)])
  }
  const auth = Buffer.from('me:secret').toString('base64')
  writeFileSync(authfile, JSON.stringify({ auths: { 'a.io': { auth }, 'https://index.docker.io/v1/': { auth } } }))
  const forgotten = await root.ok(['logout', '--all', '--authfile', authfile])
  expect(forgotten).toBe('Removed login for a.io\nRemoved login for docker.io')
  expect(JSON.parse(readFileSync(authfile, 'utf8'))).toEqual({ auths: {} })
})

test('dockerode sends a login as docker does', async () => {
  const docker: Docker = root.docker()
  const auth = { username: 'me', password: 'secret', serveraddress: registry.host }
  const stream = await docker.pull(`${registry.host}/x`, { authconfig: auth })
  const events = await new Promise<{ error?: string; status?: string }[]>((resolve, reject) =>
    docker.modem.followProgress(stream, (error: Error | null, output: object[]) =>
      error === null ? resolve(output) : reject(error),
    ),
  )
  expect(events.at(-1)?.status).toMatch(/^Digest: sha256:/)
  await expect(docker.checkAuth(auth)).resolves.toMatchObject({ Status: 'Login Succeeded' })
})

test('a public name is pulled from a mirror on loopback, and what was chosen is said', async () => {
  const conf = join(directory, 'registries.conf')
  const [host = '', path = ''] = inject('demoImage').split(/\/(.*)/)
  const [repository = '', tag = ''] = path.split(':')
  writeFileSync(
    conf,
    `[[registry]]\nprefix = "quay.io/acme"\nlocation = "quay.io/acme"\n[[registry.mirror]]\nlocation = "${host}"\n`,
  )
  const env = { CONTAINERS_REGISTRIES_CONF: conf }
  const { exitCode, stderr } = await root.glasspod(['pull', `quay.io/acme/${repository}:${tag}`], { env })
  expect(stderr).toMatch(/^Platform: linux\/\w+ \(of linux\/\w+, linux\/\w+\)$/m)
  expect(stderr).toMatch(new RegExp(`^Served by ${host}/${repository}$`, 'm'))
  expect(exitCode).toBe(0)
  expect(await root.ok(['images'])).toMatch(/^quay\.io\/acme\/demo\s+1\s/m)

  writeFileSync(conf, '[[registry]]\nprefix = "quay.io"\nblocked = true\n')
  expect((await root.glasspod(['pull', 'quay.io/acme/x'], { env })).stderr).toContain('registry quay.io is blocked')
  writeFileSync(conf, 'nonsense')
  expect((await root.glasspod(['pull', 'quay.io/acme/x'], { env })).stderr).toContain(
    `error: ${conf}: line 1: "=" is missing`,
  )
})
