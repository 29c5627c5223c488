import { writeArchive } from '../archive-file.ts'
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
    await writeArchive(output, 'glasspod save -o FILE IMAGE', async () => {
      const client = await agent()
      return client.download('/glasspod/images/archive', { Images: operands, Form: format ?? '' })
    })
  },
})
