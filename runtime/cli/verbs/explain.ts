import type { ExplainedStep } from '../api.ts'
import type { CallOptions } from '../client.ts'
import { isColourful, makePaint } from '../colour.ts'
import { CONTAINER_OPERANDS, CREATE_OPTIONS, RUN_OPTIONS } from '../container-options.ts'
import { readSurroundings } from '../create.ts'
import { makeCreateRequest } from '../create-body.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS, makeExecBody } from '../exec-body.ts'
import { formatSteps } from '../explained.ts'
import { badFlag, parseOptions } from '../options.ts'
import { STDOUT, print, printJson } from '../output.ts'
import { POD_OPTIONS, makePodBody } from '../pod-body.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const EXPLAINABLE = 'run, create, exec or pod create'

/** The request of the verb that is explained, as that verb would send it, and the name the API has for it. */
export const parseExplained = ([first = '', ...rest]: string[]): Required<Omit<CallOptions, 'headers'>> => {
  const around = readSurroundings()
  if (first === 'run' || first === 'create') {
    const grammar = { name: first, operands: CONTAINER_OPERANDS }
    const { values, operands } =
      first === 'run'
        ? parseOptions(rest, { ...grammar, options: RUN_OPTIONS })
        : parseOptions(rest, { ...grammar, options: CREATE_OPTIONS })
    const { query, body } = makeCreateRequest(values, operands, around)
    return { query: { verb: first, ...query }, body }
  }
  if (first === 'exec') {
    const { values, operands } = parseOptions(rest, { name: first, options: EXEC_OPTIONS, operands: EXEC_OPERANDS })
    const [name, ...command] = operands
    return { query: { verb: first, name }, body: makeExecBody(values, command, around) }
  }
  if (first === 'pod' && rest[0] === 'create') {
    const grammar = { name: 'pod create', options: POD_OPTIONS, operands: NO_OPERANDS }
    return { query: { verb: 'pod-create' }, body: makePodBody(parseOptions(rest.slice(1), grammar).values) }
  }
  throw badFlag(`glasspod explain takes ${EXPLAINABLE}, not "${[first, ...rest].slice(0, 2).join(' ')}"`)
}

export const verb = defineVerb({
  options: {
    format: { ...FORMAT, metavar: 'text|json', choices: ['text', 'json'], about: 'prose, or the steps as JSON' },
  },
  operands: { usage: 'VERB [OPTIONS] [ARG...]', min: 1, max: Infinity, endFlags: true },
  example: 'glasspod explain run --memory 64m busybox true',
  async run({ options: { format }, operands, agent }) {
    const request = parseExplained(operands)
    const { steps } = await (await agent()).post<{ steps: ExplainedStep[] }>('/glasspod/explain', request)
    if (format === 'json') return printJson(steps)
    print(formatSteps(steps, makePaint(isColourful(STDOUT))))
  },
})
