import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findCredentials, helperFor, parseAuthFile } from '../../../images/registry/credentials.ts'
import { listLogins, openLoginFile, removeLogin, storeLogin } from '../../../images/registry/login-file.ts'
import type { Settings } from '../../../images/registry/settings.ts'
import { isAlive, readIdentity } from '../../../runtime/kernel/processes.ts'
import { until } from '../../fixtures/glasspod-until.ts'
import { patiently } from '../../fixtures/patience.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const withFile = (content: object, work: (settings: Settings, path: string, directory: string) => Promise<void>) =>
  inDirectory(async (directory) => {
    const path = join(directory, 'config.json')
    await writeFile(path, JSON.stringify(content))
    await work(
      { env: { DOCKER_CONFIG: directory, HOME: directory, PATH: `${directory}:${process.env['PATH']}` } },
      path,
      directory,
    )
  })

/** A helper as docker's are, which keeps one login in a file beside itself. */
const HELPER = `#!/bin/sh
read -r input
case "$1" in
  get) if [ "$input" = "kept.io" ]; then printf '{"ServerURL":"kept.io","Username":"me","Secret":"s3cret"}'
       elif [ "$input" = "token.io" ]; then printf '{"ServerURL":"token.io","Username":"<token>","Secret":"t0ken"}'
       elif [ "$input" = "broken.io" ]; then echo "keyring is locked" >&2; exit 2
       else printf 'credentials not found in native keychain'; exit 1; fi ;;
  store|erase) printf '%s %s' "$1" "$input" >"$(dirname "$0")/said" ;;
esac
`
const withHelper = (content: object, work: (settings: Settings, path: string, directory: string) => Promise<void>) =>
  withFile(content, async (settings, path, directory) => {
    await writeFile(join(directory, 'docker-credential-test'), HELPER)
    await chmod(join(directory, 'docker-credential-test'), 0o755)
    await work(settings, path, directory)
  })

describe('logins from files', () => {
  test('base64, with every key that a registry is known by', () =>
    withFile(
      {
        auths: {
          'https://index.docker.io/v1/': { auth: base64('hub:a:b') },
          'https://quay.io/v2/': { auth: base64('q:1') },
          'quay.io/team': { auth: base64('team:2') },
          'quay.io/team/v1': { auth: base64('one:3') },
          'plain.io:5000': { username: 'u', password: 'p' },
          'identity.io': { auth: base64('x:'), identitytoken: 'tok' },
          'empty.io': {},
        },
      },
      async (settings) => {
        const find = (host: string, repository = 'a/b') => findCredentials(settings, host, repository)
        expect(await find('docker.io')).toEqual({ username: 'hub', password: 'a:b' })
        expect(await find('quay.io')).toEqual({ username: 'q', password: '1' })
        expect(await find('quay.io', 'team/app')).toEqual({ username: 'team', password: '2' })
        expect(await find('quay.io', 'team/v1')).toEqual({ username: 'one', password: '3' })
        expect(await find('plain.io:5000')).toEqual({ username: 'u', password: 'p' })
        expect(await find('identity.io')).toEqual({ username: 'x', password: '', identityToken: 'tok' })
        expect(await find('empty.io')).toBeUndefined()
        expect(await find('other.io')).toBeUndefined()
      },
    ))

  test('base64 with its padding and without', () => {
    const login = 'ab:c'
    expect(base64(login)).toBe('YWI6Yw==')
    const auths = { 'padded.io': { auth: base64(login) }, 'bare.io': { auth: 'YWI6Yw' } }
    return withFile({ auths }, async (settings) => {
      for (const host of Object.keys(auths))
        expect(await findCredentials(settings, host, 'x'), host).toEqual({ username: 'ab', password: 'c' })
    })
  })

  test('$REGISTRY_AUTH_FILE comes alone; podman’s file before docker’s', () =>
    withFile({ auths: { 'a.io': { auth: base64('docker:1') } } }, async (settings, _, directory) => {
      const find = (env: Settings['env']) => findCredentials({ env: { ...settings.env, ...env } }, 'a.io', 'x')
      expect((await find({}))?.username).toBe('docker')
      await mkdir(join(directory, 'run/containers'), { recursive: true })
      await writeFile(
        join(directory, 'run/containers/auth.json'),
        JSON.stringify({ auths: { 'a.io': { auth: base64('podman:1') } } }),
      )
      expect((await find({ XDG_RUNTIME_DIR: join(directory, 'run') }))?.username).toBe('podman')
      expect(await find({ REGISTRY_AUTH_FILE: join(directory, 'none') })).toBeUndefined()
    }))

  test('a file that is no such file is refused with its name', () => {
    expect(() => parseAuthFile(Buffer.from('[]'), '/x/config.json')).toThrow('/x/config.json: is not a JSON object')
    const bad = Buffer.from(JSON.stringify({ auths: { 'a.io': { auth: base64('nocolon') } } }))
    expect(() => parseAuthFile(bad, '/x')).toThrow('auth of a.io in /x is not base64 of user:password')
  })

  test('helpers are asked: credHelpers for one host, credsStore for all', () =>
    withHelper({ credsStore: 'test', credHelpers: { 'missing.io': 'not-there' } }, async (settings) => {
      const find = (host: string) => findCredentials(settings, host, 'x')
      expect(await find('kept.io')).toEqual({ username: 'me', password: 's3cret' })
      expect(await find('token.io')).toEqual({ username: '', password: '', identityToken: 't0ken' })
      expect(await find('unknown.io')).toBeUndefined()
      await expect(find('broken.io')).rejects.toMatchObject({
        message: 'credential helper docker-credential-test gives no login for broken.io',
        facts: { id: 'registry.helper', found: expect.stringContaining('keyring is locked') as unknown },
      })
      // credsStore would have said that there is none
      await expect(find('missing.io')).rejects.toMatchObject({
        facts: { found: 'no such program in PATH that may be executed' },
      })
    }))
})

/** What a helper may take here, in milliseconds: enough to start what it leaves running. */
const HELPER_MS = patiently(2000)
/** Whatever it is asked, it notes itself and what it starts, and does not end. */
const HANGING = `#!/bin/sh
sleep 1000 &
echo "$$ $!" >>"$(dirname "$0")/pids"
wait
`
const isLiving = (pid: number): boolean => {
  const identity = readIdentity(pid)
  return identity !== undefined && isAlive(identity)
}

describe('a helper that does not end', () => {
  const withProgram = (program: string, work: (settings: Settings, path: string, directory: string) => Promise<void>) =>
    withFile({ credsStore: 'test' }, async (settings, path, directory) => {
      await writeFile(join(directory, 'docker-credential-test'), program, { mode: 0o755 })
      await work({ ...settings, helperMs: HELPER_MS }, path, directory)
    })

  test('is ended in time with all that it started, and no secret is told', () =>
    withProgram(HANGING, async (settings, path, directory) => {
      const login = { username: 'me', password: 'secret' }
      const failures = await Promise.all([
        findCredentials(settings, 'a.io', 'x').catch((error: unknown) => error),
        storeLogin(openLoginFile(path, settings, false), 'b.io', login).catch((error: unknown) => error),
      ])
      for (const [at, what] of ['gives no login for a.io', 'does not keep the login for b.io'].entries())
        expect(failures[at]).toMatchObject({
          message: `credential helper docker-credential-test ${what}`,
          facts: {
            id: 'registry.helper',
            found: `no answer within ${HELPER_MS / 1000} s, so it was ended`,
            try: 'docker-credential-test list',
          },
        })
      const pids = (await readFile(join(directory, 'pids'), 'utf8')).trim().split(/\s+/).map(Number)
      expect(pids).toHaveLength(4)
      await until('none of it lives', () => !pids.some(isLiving))
    }))

  test('nor one that talks without end', () =>
    withProgram('#!/bin/sh\nexec yes\n', async (settings) => {
      await expect(findCredentials(settings, 'a.io', 'x')).rejects.toMatchObject({
        facts: { found: 'its answer has more than 1048576 bytes' },
      })
    }))
})

test.each([
  ...['docker.io', 'index.docker.io', 'registry-1.docker.io', 'docker.io/library'],
  ...['https://index.docker.io/v1/', 'https://index.docker.io/v1', 'index.docker.io/v1/', 'https://docker.io/'],
  'https://registry-1.docker.io/v2/',
])('Docker Hub by the key %s', (key) =>
  withFile({ auths: { [key]: { auth: base64('hub:pw') } } }, async (settings) => {
    expect(await findCredentials(settings, 'docker.io', 'library/x')).toEqual({ username: 'hub', password: 'pw' })
    expect(await findCredentials(settings, 'evil-docker.io', 'library/x')).toBeUndefined()
    const helpers = parseAuthFile(Buffer.from(JSON.stringify({ credHelpers: { [key]: 'h' } })), 'config.json')
    expect(helperFor(helpers, 'docker.io')).toBe(key.includes('library') ? undefined : 'h')
  }),
)

describe('login and logout', () => {
  test.each([false, true])('one entry changes, the rest stays (in place: %s)', (inPlace) =>
    withFile({ auths: { 'a.io': { auth: base64('a:1') } }, experimental: 'kept' }, async (settings, path) => {
      await storeLogin(openLoginFile(path, settings, inPlace), 'docker.io', { username: 'me', password: 'p:w' })
      expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
        auths: { 'a.io': { auth: base64('a:1') }, 'https://index.docker.io/v1/': { auth: base64('me:p:w') } },
        experimental: 'kept',
      })
      expect(listLogins(openLoginFile(path, settings, false))).toEqual(['a.io', 'docker.io'])
      expect(await removeLogin(openLoginFile(path, settings, inPlace), 'index.docker.io')).toBe(true)
      expect(await removeLogin(openLoginFile(path, settings, inPlace), 'docker.io')).toBe(false)
      expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
        auths: { 'a.io': { auth: base64('a:1') } },
        experimental: 'kept',
      })
    }),
  )

  test('a new file is for its owner only', () =>
    inDirectory(async (directory) => {
      const path = join(directory, 'new/auth.json')
      await storeLogin(openLoginFile(path, { env: {} }, false), 'a.io', { username: 'a', password: 'b' })
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      expect((await stat(join(directory, 'new'))).mode & 0o777).toBe(0o700)
    }))

  test('a helper keeps the secret, the file only the host', () =>
    withHelper({ credsStore: 'test' }, async (settings, path, directory) => {
      await storeLogin(openLoginFile(path, settings, false), 'a.io', { username: 'me', password: 'secret' })
      expect(await readFile(join(directory, 'said'), 'utf8')).toBe(
        'store {"ServerURL":"a.io","Username":"me","Secret":"secret"}',
      )
      expect(await readFile(path, 'utf8')).not.toContain('secret')
      await removeLogin(openLoginFile(path, settings, false), 'a.io')
      expect(await readFile(join(directory, 'said'), 'utf8')).toBe('erase a.io')
    }))
})
