import { readDirectory } from '../archive/directory.ts'
import { parseEnv, parseLabels } from '../env.ts'
import { importArchive } from '../import.ts'
import { badFlag } from '../options.ts'
import { print } from '../output.ts'
import { SQUASH, defineVerb } from '../verb.ts'
import { parseCommand } from '../words.ts'

/** As in a Dockerfile: within double quotes all but these is itself. */
const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`

export const verb = defineVerb({
  options: {
    cmd: { type: 'string', metavar: 'COMMAND', about: 'what it runs: words as in a shell, or a JSON array of them' },
    entrypoint: { type: 'string', metavar: 'COMMAND', about: 'what stands before the command, in the same form' },
    env: { type: 'list', short: 'e', metavar: 'KEY[=VALUE]', about: 'a variable; KEY alone is passed on' },
    label: { type: 'list', short: 'l', metavar: 'KEY=VALUE', about: 'a label' },
    platform: { type: 'string', metavar: 'OS/ARCH[/VARIANT]', about: 'what the programs in it run on' },
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the id' },
    squash: SQUASH,
    tag: { type: 'string', short: 't', metavar: 'NAME[:TAG]', about: 'its name' },
    user: { type: 'string', short: 'u', metavar: 'USER[:GROUP]', about: 'who runs it' },
    workdir: { type: 'string', short: 'w', metavar: 'DIR', about: 'where it runs' },
  },
  operands: { usage: 'DIR', min: 1, max: 1 },
  example: `glasspod from-dir ./root --cmd '/bin/app --serve' -t app:1`,
  async run({ options, operands: [directory = ''], agent }) {
    const { cmd, entrypoint, platform, quiet, squash, tag, user, workdir } = options
    const variables = parseEnv(options.env, [], process.env)
    const labels = Object.entries(parseLabels(options.label) ?? {}).map(([key, value]) => `${key}=${value}`)
    if (workdir !== undefined && !workdir.startsWith('/'))
      throw badFlag(`--workdir ${workdir} is not absolute`, `--workdir /${workdir}`)
    const changes = [
      ...(cmd === undefined ? [] : [`CMD ${JSON.stringify(parseCommand('cmd', cmd))}`]),
      ...(entrypoint === undefined ? [] : [`ENTRYPOINT ${JSON.stringify(parseCommand('entrypoint', entrypoint))}`]),
      ...variables.map((variable) => `ENV ${quote(variable)}`),
      ...labels.map((label) => `LABEL ${quote(label)}`),
      ...(user === undefined ? [] : [`USER ${user}`]),
      ...(workdir === undefined ? [] : [`WORKDIR ${workdir}`]),
    ]
    const archive = readDirectory(directory)
    const query = { repo: tag, platform, squash, createdBy: 'glasspod from-dir' }
    print(await importArchive(await agent(), archive, { query, changes, quiet }))
  },
})
