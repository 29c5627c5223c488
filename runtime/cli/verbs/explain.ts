import type { Explanation } from '../api.ts'
import type { CallOptions, Query } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { CONTAINER_OPERANDS, CREATE_OPTIONS, RUN_OPTIONS } from '../container-options.ts'
import { readSurroundings } from '../create.ts'
import { makeCreateRequest } from '../create-body.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS, makeExecBody } from '../exec-body.ts'
import { formatMermaid } from '../explain/mermaid.ts'
import { FORMATS, asFormat } from '../explain/options.ts'
import { formatStraceSteps } from '../explain/strace.ts'
import { formatSteps, makeView } from '../explain/text.ts'
import { badFlag, parseOptions, type OptionTable } from '../options.ts'
import { STDOUT, print, printJson } from '../output.ts'
import { POD_OPTIONS, makePodBody } from '../pod-body.ts'
import { NO_OPERANDS, defineVerb, type Verb } from '../verb.ts'

/** Verbs of one name and a few flags: which of those the plan depends on. */
const OF_ONE: Record<string, { load: () => Promise<{ verb: Verb }>; query?: Record<string, string> }> = {
  start: { load: () => import('./start.ts') },
  stop: { load: () => import('./stop.ts'), query: { t: 'time' } },
  kill: { load: () => import('./kill.ts'), query: { signal: 'signal' } },
  rm: { load: () => import('./rm.ts') },
  pull: { load: () => import('./pull.ts') },
  'pod start': { load: () => import('./pod-start.ts') },
  'pod stop': { load: () => import('./pod-stop.ts'), query: { t: 'time' } },
  'pod rm': { load: () => import('./pod-rm.ts') },
}

/** No verb, but what the first one that is used does. */
const NODE = 'rootless'
const EXPLAINABLE = ['run', 'create', 'exec', 'pod create', ...Object.keys(OF_ONE), NODE]

const parseOne = async (name: string, args: string[]): Promise<Required<Omit<CallOptions, 'headers'>> | undefined> => {
  const one = OF_ONE[name]
  if (one === undefined) return undefined
  const { verb } = await one.load()
  const { values, operands } = parseOptions<OptionTable>(args, { name, ...verb })
  if (operands.length !== 1) throw badFlag(`glasspod explain ${name} takes one name`, `glasspod explain ${name} NAME`)
  const flags = Object.entries(one.query ?? {}).map(([key, flag]) => [key, values[flag]])
  const query = { verb: name.replace(' ', '-'), name: operands[0], ...(Object.fromEntries(flags) as Query) }
  return { query, body: undefined }
}

/** The request of the verb that is explained, as that verb would send it, and the name the API has for it. */
export const parseExplained = async ([first = '', ...rest]: string[]): Promise<
  Required<Omit<CallOptions, 'headers'>>
> => {
  if (first === NODE && rest.length === 0) return { query: { verb: NODE }, body: undefined }
  const around = readSurroundings()
  if (first === 'run' || first === 'create') {
    const grammar = { name: first, operands: CONTAINER_OPERANDS }
    const { values, operands } =
      first === 'run'
        ? parseOptions(rest, { ...grammar, options: RUN_OPTIONS })
        : parseOptions(rest, { ...grammar, options: CREATE_OPTIONS })
    if (values['dry-run'] !== undefined)
      throw badFlag(
        'explain tells the steps, --dry-run=sh prints them as a script',
        `glasspod ${first} --dry-run=sh ...`,
      )
    if ('step' in values && values.step)
      throw badFlag('explain does nothing, and --step stops in the midst of it', 'glasspod run --step ...')
    const { query, body } = makeCreateRequest(values, operands, around)
    return { query: { verb: first, ...query }, body }
  }
  if (first === 'exec') {
    const { values, operands } = parseOptions(rest, { name: first, options: EXEC_OPTIONS, operands: EXEC_OPERANDS })
    const [name, ...command] = operands
    return { query: { verb: first, name }, body: makeExecBody(values, command, around) }
  }
  const [second = '', ...others] = rest
  if (first === 'pod' && second === 'create') {
    const grammar = { name: 'pod create', options: POD_OPTIONS, operands: NO_OPERANDS }
    return { query: { verb: 'pod-create' }, body: makePodBody(parseOptions(others, grammar).values) }
  }
  const one = first === 'pod' ? await parseOne(`pod ${second}`, others) : await parseOne(first, rest)
  if (one !== undefined) return one
  throw badFlag(`glasspod explain takes ${EXPLAINABLE.join(', ')}, not "${[first, ...rest].slice(0, 2).join(' ')}"`)
}

export const verb = defineVerb({
  options: {
    format: {
      type: 'string',
      metavar: FORMATS.join('|'),
      choices: FORMATS,
      about: 'prose, JSON, as strace prints it, or a Mermaid flowchart',
    },
  },
  operands: { usage: 'VERB|rootless [OPTIONS] [ARG...]', min: 1, max: Infinity, endFlags: true },
  example: 'glasspod explain run --memory 64m busybox true',
  async run({ options, operands, agent }) {
    const request = await parseExplained(operands)
    const { root, steps } = await (await agent()).post<Explanation>('/glasspod/explain', request)
    switch (asFormat(options.format)) {
      case 'json':
        return printJson(steps)
      case 'strace':
        return print(formatStraceSteps(steps))
      case 'mermaid':
        return print(formatMermaid(steps))
      case 'text':
        return print(formatSteps(steps, makeView(makePaint(isColourful(STDOUT)), root)))
    }
  },
})
