import { openFile, openStdout } from '../archive/file.ts'
import { writeArchive } from '../archive/output.ts'
import { openDir, openLayout } from '../archive/tree.ts'
import { badFlag } from '../options.ts'
import { defineVerb } from '../verb.ts'

const FORMS = ['docker-archive', 'oci-archive', 'docker-dir', 'oci-dir']
/** The same in a directory. */
const TREES: Record<string, { form: string; open: typeof openDir }> = {
  'docker-dir': { form: 'dir', open: openDir },
  'oci-dir': { form: 'oci-archive', open: openLayout },
}

const openOutput = (path: string | undefined, format: string | undefined) => {
  const tree = TREES[format ?? '']
  if (path === undefined && tree !== undefined)
    throw badFlag(
      `--format ${format} makes a directory, and none is named`,
      `glasspod save --format ${format} -o DIR IMAGE`,
    )
  if (path === undefined) return openStdout('glasspod save -o FILE IMAGE')
  return tree === undefined ? openFile(path) : tree.open(path)
}

export const verb = defineVerb({
  options: {
    format: { type: 'string', metavar: 'FORM', choices: FORMS, about: `${FORMS.join(', ')}; by default the first` },
    output: { type: 'string', short: 'o', metavar: 'PATH', about: 'instead of standard output' },
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod save -o tools.tar busybox:1.36',
  async run({ options: { format, output }, operands, agent }) {
    const Form = TREES[format ?? '']?.form ?? format ?? ''
    await writeArchive(openOutput(output, format), async () => {
      const client = await agent()
      return (await client.download('/glasspod/images/archive', { Images: operands, Form })).body
    })
  },
})
