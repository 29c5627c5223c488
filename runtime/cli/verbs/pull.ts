import { formOf, isPlace, parseTransport, type Place } from '../../../images/transport.ts'
import type { PullEvent } from '../api.ts'
import { openSource } from '../archive/place.ts'
import type { Client, Query } from '../client.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { assertRegistry, openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { pullImage, type Pull } from '../pull.ts'
import { reportError } from '../report.ts'
import { followTransfer } from '../transfer.ts'
import { AUTH_FILE, CREDS, SQUASH, TLS_VERIFY, defineVerb } from '../verb.ts'

interface Settings extends Pick<Pull, 'platform' | 'quiet' | 'squash' | 'logins'> {
  authfile: string | undefined
  creds: string | undefined
  tlsVerify: string | undefined
}
/** Resolves to the ids. */
type Fetch = (client: Client) => Promise<string[]>

const upload = (archive: AsyncIterable<Uint8Array>, query: Query, { platform, quiet, squash }: Settings): Fetch => {
  return async (client) => {
    const ids: string[] = []
    await followTransfer(client.upload<PullEvent>('/images/load', archive, { ...query, platform, squash }), {
      quiet,
      take: ({ aux }) => ids.push(...(aux?.ID === undefined ? [] : [aux.ID])),
    })
    return ids
  }
}

/** From an archive all images, as podman has it; from a layout the only one, or the one that is named. */
const queryFor = (place: Place): Query => ({
  format: formOf(place),
  reference: place.reference,
  single: place.transport !== 'docker-archive',
})

/** What is the caller's to open is opened. */
const planFetch = async (text: string, settings: Settings): Promise<Fetch> => {
  try {
    const transport = parseTransport(text)
    assertRegistry(transport, settings)
    if (isPlace(transport)) return upload(openSource(transport), queryFor(transport), settings)
    if (transport.transport === 'docker-daemon') {
      const { openDaemon } = await import('../../../images/archive/daemon.ts')
      const daemon = await openDaemon(process.env)
      return upload(await daemon.save(transport.name), { format: 'docker-archive' }, settings)
    }
    return async (client) => [await pullImage(client, { image: transport.name, ...settings })]
  } catch (error) {
    return () => Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
}

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    platform: { type: 'string', metavar: 'OS/ARCH[/VARIANT]', about: 'which image of a list, as in linux/arm64' },
    squash: SQUASH,
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the id' },
    authfile: AUTH_FILE,
    creds: CREDS,
    'tls-verify': TLS_VERIFY,
  },
  operands: { usage: '[TRANSPORT:]IMAGE [[TRANSPORT:]IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod pull busybox:1.36',
  async run({ options, operands, agent }) {
    const { platform, quiet, squash, authfile, creds, 'tls-verify': tlsVerify } = options
    const settings = { platform, quiet, squash, logins: openLogins(authfile, creds), authfile, creds, tlsVerify }
    const fetches = await Promise.all(operands.map((text) => planFetch(text, settings)))
    const client = await agent()
    let code = 0
    for (const fetch of fetches) {
      try {
        for (const id of await fetch(client)) print(id)
      } catch (error) {
        const failed = reportError(error, false)
        code = code === 0 ? failed : code
      }
    }
    return code
  },
})
