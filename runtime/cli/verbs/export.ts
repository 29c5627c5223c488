import { openFile, openStdout } from '../archive/file.ts'
import { writeArchive } from '../archive/output.ts'
import { segment } from '../client.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    output: { type: 'string', short: 'o', metavar: 'FILE', about: 'instead of standard output' },
  },
  operands: { usage: 'CONTAINER', min: 1, max: 1 },
  example: 'glasspod export -o root.tar web',
  async run({ options: { output }, operands: [container = ''], agent }) {
    const place = output === undefined ? openStdout('glasspod export -o FILE CONTAINER') : openFile(output)
    await writeArchive(place, async () => {
      const client = await agent()
      const { body } = await client.stream(`/containers/${segment(container)}/export`)
      return body
    })
  },
})
