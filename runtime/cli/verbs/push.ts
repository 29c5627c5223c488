import type { PullEvent } from '../api.ts'
import { segment } from '../client.ts'
import { openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { followTransfer } from '../transfer.ts'
import { AUTH_FILE, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the digest' },
    authfile: AUTH_FILE,
  },
  operands: { usage: 'IMAGE [DESTINATION]', min: 1, max: 2 },
  example: 'glasspod push busybox:1.36 registry.example.com/tools/busybox:1',
  async run({ options: { quiet, authfile }, operands: [image = '', destination], agent }) {
    const logins = openLogins(authfile)
    const client = await agent()
    // An id is no reference, and has no registry of its own: the agent says so.
    const headers = await logins.headersFor(destination ?? image).catch(() => logins.headers)
    // Without a tag the API takes all of them; a command means latest, as docker's and podman's do.
    const tag = destination !== undefined || /[:@][^/]*$/.test(image) ? undefined : 'latest'
    const events = client.lines<PullEvent>(`/images/${segment(image)}/push`, { query: { destination, tag }, headers })
    await followTransfer(events, {
      quiet,
      take: ({ aux }) => {
        if (aux?.Digest !== undefined) print(aux.Digest)
      },
    })
  },
})
