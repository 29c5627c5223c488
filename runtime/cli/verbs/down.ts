import { EXPLAIN_FLAG } from '../explain/options.ts'
import { MANIFEST_OPERAND, readManifest } from '../manifest.ts'
import { print, printError, printJson } from '../output.ts'
import { FORMAT, defineVerb } from '../verb.ts'

interface Downed {
  Removed: { Id: string; Name: string }[]
  Missing: string[]
}

export const verb = defineVerb({
  options: {
    ...EXPLAIN_FLAG,
    format: FORMAT,
    time: { type: 'integer', short: 't', metavar: 'SECONDS', about: 'then kill what has not ended (default 10)' },
  },
  operands: MANIFEST_OPERAND,
  example: 'glasspod down shop.yaml',
  exitCodes: {
    '0': 'all pods of the file are gone',
    '1': 'one of them was not there',
    '125': 'glasspod could not do it',
  },
  async run({ options: { format, time }, operands: [file = '-'], agent }) {
    const body = readManifest(file)
    const client = await agent()
    const { Removed, Missing } = await client.post<Downed>('/glasspod/down', { body, query: { t: time } })
    if (format === 'json') printJson(Removed)
    else if (Removed.length > 0) print(['Pods removed:', ...Removed.map(({ Id }) => Id)].join('\n'))
    for (const name of Missing) printError(`error: no such pod: ${name}   [pod.unknown]`)
    return Missing.length === 0 ? 0 : 1
  },
})
