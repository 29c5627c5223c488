/** Promise: /etc/containers/certs.d says which authority a registry has and who we are to it, as for skopeo and podman. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeCertificates, type TestCertificates } from '../fixtures/certificates.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { makeRoot, type TestRoot } from '../fixtures/glasspod.ts'
import { planWithAnother } from '../fixtures/private-mounts.ts'

describe('certificates of a registry', () => {
  let root: TestRoot
  let registry: FaultyRegistry
  let certificates: TestCertificates
  let directory: string
  let within: readonly string[]
  const keep = (name: string, content: string) => {
    mkdirSync(join(directory, 'etc/certs.d', registry.host), { recursive: true })
    writeFileSync(join(directory, 'etc/certs.d', registry.host, name), content)
  }
  const pull = () => root.glasspod(['pull', '-q', `${registry.host}/x`])
  const inspect = () =>
    execa(
      within[0] ?? '',
      [...within.slice(1), ...['skopeo', '--insecure-policy', 'inspect', '--raw', `docker://${registry.host}/x`]],
      { reject: false },
    )
  beforeAll(async () => {
    directory = mkdtempSync('/tmp/gp-with-')
    chmodSync(directory, 0o755)
    mkdirSync(join(directory, 'etc'))
    certificates = makeCertificates(directory)
    registry = await startFaultyRegistry(await makeSmallImage([[{ name: 'a', content: 'a' }]]), {
      ...certificates.server,
      ca: certificates.ca,
      requestCert: true,
      rejectUnauthorized: true,
    })
    // skopeo asks first whether this is a registry
    registry.fault = ({ path, response }) => {
      if (path === '/v2/') response.end('{}')
      return path === '/v2/'
    }
    within = planWithAnother('/etc/containers', join(directory, 'etc'))
    root = makeRoot(within)
  })
  afterAll(async () => {
    await root.teardown()
    await registry.stop()
    rmSync(directory, { recursive: true })
  })

  test('each refusal names the file that is missing, and with all of them it is pulled', async () => {
    const place = `/etc/containers/certs.d/${registry.host}`
    const unknown = await pull()
    expect([unknown.exitCode, unknown.stderr]).toEqual([125, expect.stringContaining(`${place}/ca.crt`)])
    keep('ca.crt', certificates.ca)
    const nobody = await pull()
    expect(nobody.exitCode).toBe(125)
    expect(nobody.stderr).toContain('it wants a client certificate')
    expect(nobody.stderr).toContain(`NAME.cert and NAME.key in ${place}`)
    expect((await inspect()).exitCode).not.toBe(0)
    keep('me.cert', certificates.client.cert)
    const half = await pull()
    expect(half.stderr).toContain(`found  ${place}: ca.crt, me.cert`)
    keep('me.key', certificates.client.key)
    expect(await root.ok(['pull', '-q', `${registry.host}/x`])).toMatch(/^sha256:/)
    expect((await inspect()).stdout).toBe(registry.image.manifest.toString())
  })

  test('--tls-verify=false takes whichever certificate, for that time only', async () => {
    const image = await makeSmallImage([[{ name: 'b', content: 'b' }]])
    const other = await startFaultyRegistry(image, certificates.server)
    other.fault = registry.fault
    try {
      const name = `${other.host}/x`
      const words = 'its certificate is signed by an authority that is not known here'
      expect((await root.glasspod(['pull', '-q', name])).stderr).toContain(words)
      expect(await root.ok(['pull', '-q', '--tls-verify=false', name])).toMatch(/^sha256:/)
      expect((await root.glasspod(['pull', '-q', '--tls-verify=true', name])).stderr).toContain(words)
      const login = (flag: string) =>
        root.glasspod(
          ['login', flag, '-u', 'me', '--password-stdin', '--authfile', join(directory, 'auth.json'), other.host],
          { input: 'secret' },
        )
      expect(await login('--tls-verify=false')).toMatchObject({ exitCode: 0, stdout: 'Login Succeeded' })
      expect((await login('--tls-verify=true')).stderr).toContain(words)
    } finally {
      await other.stop()
    }
  })
})
