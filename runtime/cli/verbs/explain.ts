import type { Explanation } from '../api.ts'
import { isColourful, makePaint } from '../colour.ts'
import { CONTAINER_OPERANDS, CREATE_OPTIONS, RUN_OPTIONS } from '../container-options.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS } from '../exec-body.ts'
import { formatMermaid } from '../explain/mermaid.ts'
import { FORMATS, asFormat } from '../explain/options.ts'
import { makeExplainRequest, type ExplainRequest } from '../explain/request.ts'
import { formatStraceSteps } from '../explain/strace.ts'
import { formatSteps, makeView } from '../explain/text.ts'
import { badFlag, parseOptions, type OptionTable } from '../options.ts'
import { STDOUT, print, printJson, readWidth } from '../output.ts'
import { POD_OPTIONS } from '../pod-body.ts'
import { NO_OPERANDS, defineVerb, type Verb } from '../verb.ts'

/** Verbs of one name. */
const OF_ONE: Record<string, () => Promise<{ verb: Verb }>> = {
  start: () => import('./start.ts'),
  stop: () => import('./stop.ts'),
  restart: () => import('./restart.ts'),
  play: () => import('./play.ts'),
  down: () => import('./down.ts'),
  kill: () => import('./kill.ts'),
  pause: () => import('./pause.ts'),
  unpause: () => import('./unpause.ts'),
  update: () => import('./update.ts'),
  rm: () => import('./rm.ts'),
  pull: () => import('./pull.ts'),
  load: () => import('./load.ts'),
  rmi: () => import('./rmi.ts'),
  'pod start': () => import('./pod-start.ts'),
  'pod stop': () => import('./pod-stop.ts'),
  'pod pause': () => import('./pod-pause.ts'),
  'pod unpause': () => import('./pod-unpause.ts'),
  'pod rm': () => import('./pod-rm.ts'),
}

/** No verb, but what the first one that is used does. */
const NODE = 'rootless'
const EXPLAINABLE = ['run', 'create', 'exec', 'pod create', ...Object.keys(OF_ONE), NODE]

const parseOne = async (name: string, args: string[]): Promise<ExplainRequest | undefined> => {
  const load = OF_ONE[name]
  if (load === undefined) return undefined
  const { verb } = await load()
  const { values, operands } = parseOptions<OptionTable>(args, { name, ...verb })
  assertNotStepped(name, values)
  assertNotDry(name, values, '--dry-run what is to be made of them')
  const isNameless = name === 'load'
  if (!isNameless && operands.length !== 1)
    throw badFlag(`glasspod explain ${name} takes one name`, `glasspod explain ${name} NAME`)
  return makeExplainRequest(name, values, operands)
}

const assertNotStepped = (name: string, values: object): void => {
  if ('step' in values && values.step !== undefined)
    throw badFlag('explain does nothing, and --step stops in the midst of it', `glasspod ${name} --step ...`)
}

/** @param instead what the flag does. */
const assertNotDry = (name: string, values: object, instead: string): void => {
  if (!('dry-run' in values) || values['dry-run'] === undefined || values['dry-run'] === false) return
  const flag = values['dry-run'] === true ? '--dry-run' : '--dry-run=sh'
  throw badFlag(`explain tells the steps, ${instead}`, `glasspod ${name} ${flag} ...`)
}

export const parseExplained = async ([first = '', ...rest]: string[]): Promise<ExplainRequest> => {
  if (first === NODE && rest.length === 0) return { query: { verb: NODE }, body: undefined }
  if (first === 'run' || first === 'create') {
    const grammar = { name: first, operands: CONTAINER_OPERANDS }
    const { values, operands } =
      first === 'run'
        ? parseOptions(rest, { ...grammar, options: RUN_OPTIONS })
        : parseOptions(rest, { ...grammar, options: CREATE_OPTIONS })
    assertNotDry(first, values, '--dry-run=sh prints them as a script')
    assertNotStepped(first, values)
    return makeExplainRequest(first, values, operands)
  }
  if (first === 'exec') {
    const { values, operands } = parseOptions(rest, { name: first, options: EXEC_OPTIONS, operands: EXEC_OPERANDS })
    assertNotStepped(first, values)
    return makeExplainRequest(first, values, operands)
  }
  const [second = '', ...others] = rest
  if (first === 'pod' && second === 'create') {
    const grammar = { name: 'pod create', options: POD_OPTIONS, operands: NO_OPERANDS }
    const { values } = parseOptions(others, grammar)
    assertNotStepped('pod create', values)
    return makeExplainRequest('pod create', values, [])
  }
  const one = first === 'pod' ? await parseOne(`pod ${second}`, others) : await parseOne(first, rest)
  if (one !== undefined) return one
  const what = `glasspod explain takes ${EXPLAINABLE.join(', ')}`
  throw badFlag(first === '' ? what : `${what}, not "${[first, ...rest].slice(0, 2).join(' ')}"`)
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
  operands: { usage: 'VERB|rootless [OPTIONS] [ARG...]', min: 0, max: Infinity, endFlags: true },
  example: 'glasspod explain run --memory 64m busybox true',
  async run({ options, operands, agent }) {
    const request = await parseExplained(operands)
    const { root, steps } = await (await agent()).post<Explanation>('/glasspod/explain', request)
    const format = asFormat(options.format)
    if (steps.length === 0 && format === 'text') return print('nothing is to be done: it is as it would be')
    switch (format) {
      case 'json':
        return printJson(steps)
      case 'strace':
        return print(formatStraceSteps(steps))
      case 'mermaid':
        return print(formatMermaid(steps))
      case 'text':
        return print(formatSteps(steps, makeView(makePaint(isColourful(STDOUT)), root, readWidth(STDOUT))))
    }
  },
})
