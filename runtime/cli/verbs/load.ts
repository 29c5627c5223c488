import type { PullEvent } from '../api.ts'
import { openInput } from '../archive/file.ts'
import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { print } from '../output.ts'
import { printable } from '../table.ts'
import { followTransfer } from '../transfer.ts'
import { NO_OPERANDS, SQUASH, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    input: { type: 'string', short: 'i', metavar: 'FILE', about: 'instead of standard input' },
    platform: { type: 'string', metavar: 'OS/ARCH[/VARIANT]', about: 'which image of a list, as in linux/arm64' },
    quiet: { type: 'boolean', short: 'q', about: 'no progress' },
    squash: SQUASH,
  },
  operands: NO_OPERANDS,
  example: 'glasspod load -i images.tar',
  async run({ options: { input, platform, quiet, squash }, agent }) {
    const archive = openInput(input, 'glasspod load -i FILE')
    const client = await agent()
    await followTransfer(client.upload<PullEvent>('/images/load', archive, { platform, squash }), {
      quiet,
      take: ({ stream }) => {
        if (stream !== undefined) print(printable(stream.trimEnd()))
      },
    })
  },
})
