import { isFailure } from '../../errors.ts'
import { formOf, isPlace, parseTransport, type Place } from '../../../images/transport.ts'
import type { PullEvent } from '../api.ts'
import { writeArchive } from '../archive/output.ts'
import { openDestination } from '../archive/place.ts'
import { segment, type Client } from '../client.ts'
import { assertRegistry, openLogins, verifyQuery, type Logins } from '../logins.ts'
import { print } from '../output.ts'
import { followArchive, followTransfer } from '../transfer.ts'
import { AUTH_FILE, CREDS, TLS_VERIFY, defineVerb } from '../verb.ts'

interface Push {
  image: string
  quiet: boolean
  agent: () => Promise<Client>
}

const pushToRegistry = async (
  { image, quiet, agent }: Push,
  destination: string | undefined,
  { logins, tlsVerify }: { logins: Logins; tlsVerify: string | undefined },
): Promise<void> => {
  const client = await agent()
  const headers = await logins.forPush(destination ?? image).catch((error: unknown) => {
    // An id is no reference, and has no registry of its own: the agent says so.
    if (isFailure(error) && error.facts.id === 'image.reference') return logins.headers
    throw error
  })
  // Without a tag the API takes all of them; a command means latest, as docker's and podman's do.
  const tag = destination !== undefined || /[:@][^/]*$/.test(image) ? undefined : 'latest'
  const events = client.lines<PullEvent>(`/images/${segment(image)}/push`, {
    query: { destination, tag, ...verifyQuery(tlsVerify) },
    headers,
  })
  await followTransfer(events, {
    quiet,
    take: ({ aux }) => {
      if (aux?.Digest !== undefined) print(aux.Digest)
    },
  })
}

const download = async ({ image, quiet, agent }: Push, form: string, reference: string) => {
  const asked = { Images: [image], Form: form, Reference: reference }
  const { headers, body } = await (await agent()).download('/glasspod/images/archive', asked)
  return { headers, archive: followArchive(body, { quiet }) }
}

/** The digest is told by who keeps the manifest: all but docker-archive. */
const pushToPlace = async (push: Push, place: Place): Promise<void> => {
  let digest: string | undefined
  await writeArchive(openDestination(place), async () => {
    const { headers, archive } = await download(push, formOf(place), place.reference ?? '')
    digest = headers.get('glasspod-digest')
    return archive
  })
  if (digest !== undefined) print(digest)
}

const pushToDaemon = async (push: Push, name: string): Promise<void> => {
  const { openDaemon } = await import('../../../images/archive/daemon.ts')
  const daemon = await openDaemon(process.env)
  await daemon.load(name, (await download(push, 'docker-archive', name)).archive)
}

export const verb = defineVerb({
  options: {
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the digest' },
    authfile: AUTH_FILE,
    creds: CREDS,
    'tls-verify': TLS_VERIFY,
  },
  operands: { usage: 'IMAGE [[TRANSPORT:]DESTINATION]', min: 1, max: 2 },
  example: 'glasspod push busybox:1.36 registry.example.com/tools/busybox:1',
  async run({
    options: { quiet, authfile, creds, 'tls-verify': tlsVerify },
    operands: [image = '', destination],
    agent,
  }) {
    const push = { image, quiet, agent }
    const transport = destination === undefined ? undefined : parseTransport(destination)
    if (transport !== undefined) assertRegistry(transport, { authfile, creds, tlsVerify })
    if (transport !== undefined && isPlace(transport)) await pushToPlace(push, transport)
    else if (transport?.transport === 'docker-daemon') await pushToDaemon(push, transport.name)
    else await pushToRegistry(push, transport?.name, { logins: openLogins(authfile, creds), tlsVerify })
  },
})
