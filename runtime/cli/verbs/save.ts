import { writeSync } from 'node:fs'
import { openOutput } from '../archive-file.ts'
import { STDOUT, write } from '../output.ts'
import { defineVerb } from '../verb.ts'

const FORMS = ['docker-archive', 'oci-archive']

export const verb = defineVerb({
  options: {
    format: { type: 'string', metavar: 'FORM', choices: FORMS, about: `${FORMS.join(' (the default) or ')}` },
    output: { type: 'string', short: 'o', metavar: 'FILE', about: 'instead of standard output' },
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod save -o tools.tar busybox:1.36',
  async run({ options: { format, output }, operands, agent }) {
    const { fd, abandon } = openOutput(output, 'glasspod save -o FILE IMAGE')
    try {
      const archive = await (
        await agent()
      ).download('/glasspod/images/archive', { Images: operands, Form: format ?? '' })
      for await (const chunk of archive) {
        if (fd === STDOUT) write(STDOUT, chunk)
        else for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
      }
    } catch (error) {
      abandon()
      throw error
    }
  },
})
