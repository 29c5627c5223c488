import { openInput } from '../archive/file.ts'
import { importArchive } from '../import.ts'
import { badFlag } from '../options.ts'
import { print } from '../output.ts'
import { SQUASH, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    change: { type: 'list', short: 'c', metavar: 'INSTRUCTION', about: 'CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ...' },
    message: { type: 'string', short: 'm', metavar: 'TEXT', about: 'a comment for the history' },
    platform: { type: 'string', metavar: 'OS/ARCH[/VARIANT]', about: 'what the programs in it run on' },
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the id' },
    squash: SQUASH,
  },
  operands: { usage: 'FILE|- [IMAGE]', min: 1, max: 2 },
  example: `glasspod import --change 'CMD ["sh"]' root.tar tools:1`,
  async run({ options: { change, message, platform, quiet, squash }, operands: [file = '-', repo], agent }) {
    if (/^https?:\/\//.test(file))
      throw badFlag(`import reads a file, not ${file}`, `curl -fsSL ${file} | glasspod import - ${repo ?? 'IMAGE'}`)
    const archive = openInput(file, 'glasspod import FILE')
    const query = { repo, message, platform, squash }
    print(await importArchive(await agent(), archive, { query, changes: change, quiet }))
  },
})
