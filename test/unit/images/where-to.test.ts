/** Promise: a pull goes where its registry may send it, by whatever name, and in the clear only where that is allowed. */
import dns, { type LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { parseRegistriesConf } from '../../../images/registry/registries-conf.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../../fixtures/faulty-registry.ts'
import { withPuller } from '../../fixtures/puller.ts'

let registry: FaultyRegistry
beforeAll(async () => {
  registry = await startFaultyRegistry(await makeSmallImage([[{ name: 'a', content: 'a' }]]))
})
afterAll(() => registry.stop())

const CDN = 'cdn.example.com'

/** As a name server of the other side would. */
const nameCdn = (...found: readonly string[]): void => {
  const real = dns.lookup
  const addresses: LookupAddress[] = found.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
  vi.spyOn(dns, 'lookup').mockImplementation(((
    host: string,
    options: dns.LookupAllOptions,
    tell: (error: NodeJS.ErrnoException | null, found: LookupAddress[]) => void,
  ) => (host === CDN ? tell(null, addresses) : real(host, options, tell))) as typeof dns.lookup)
}
afterEach(() => vi.restoreAllMocks())

describe('a redirect to a host name', () => {
  test.each([
    '169.254.169.254',
    'fe80::1',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '127.0.0.1',
    '::1',
    '::ffff:127.0.0.1',
    '0.0.0.0',
  ])('of %s is not followed', (address) =>
    withPuller(registry, async (get) => {
      nameCdn(address)
      registry.fault = ({ isLayer, path, response }) => {
        if (isLayer) response.writeHead(307, { location: `https://${CDN}${path}` }).end()
        return isLayer
      }
      await expect(get()).rejects.toMatchObject({
        message: `registry ${registry.host} cannot be reached: ERR_LOCAL_ADDRESS (its name leads only to this machine or its link)`,
        facts: { id: 'registry.unreachable', found: `asked https://${CDN}` },
      })
    }),
  )
})

/** Of this machine, and not its loopback. */
const own = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .find(({ internal, family }) => !internal && family === 'IPv4')?.address

describe.runIf(own !== undefined)('a registry elsewhere than on loopback [needs an IPv4 address]', () => {
  const withDistant = async (work: (host: string) => Promise<void>): Promise<void> => {
    const server = createServer((socket) => {
      const [host = '', port = ''] = registry.host.split(':')
      const inner = connect(Number(port), host)
      for (const end of [socket, inner]) end.on('error', () => undefined)
      socket.pipe(inner).pipe(socket)
    }).listen(0, own)
    await once(server, 'listening')
    try {
      await work(`${own ?? ''}:${(server.address() as AddressInfo).port}`)
    } finally {
      server.close()
      await once(server, 'close')
    }
  }

  test('is not spoken to in the clear, but where registries.conf says insecure', () =>
    withDistant((host) =>
      withPuller(registry, async (get) => {
        await expect(get({ name: `${host}/x` })).rejects.toMatchObject({
          message: expect.stringContaining(`registry ${host} cannot be reached`) as unknown,
        })
        expect(registry.asked).toEqual([])
        const conf = parseRegistriesConf(`[[registry]]\nlocation = "${host}"\ninsecure = true\n`, 'registries.conf')
        expect((await get({ name: `${host}/x`, conf })).image.layers).toHaveLength(1)
      }),
    ))
})
