import type { ContainerSummary } from '../api.ts'
import { formatPort } from '../ports.ts'
import { formatAge } from '../human.ts'
import { parseFilters } from '../filters.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { fitTable, printable, shortId, truncate } from '../table.ts'
import { FORMAT, NO_OPERANDS, NO_TRUNC, defineVerb } from '../verb.ts'

const FILTERS = ['id', 'label', 'name', 'pod', 'status']
const HEADERS = ['CONTAINER ID', 'IMAGE', 'COMMAND', 'CREATED', 'STATUS', 'PORTS', 'NAMES']
const COMMAND_WIDTH = 20

/** @param columns of a terminal. */
export const formatContainers = (
  containers: readonly ContainerSummary[],
  full: boolean,
  nowMs: number,
  columns?: number,
): string =>
  fitTable(
    HEADERS,
    containers.map(({ Id, Image, Command, Created, Status, State, Ports, Names }) => [
      full ? Id : shortId(Id),
      printable(Image),
      `"${full ? printable(Command) : truncate(printable(Command), COMMAND_WIDTH)}"`,
      formatAge(Created, nowMs),
      Status || State,
      (Ports ?? []).map(formatPort).join(', '),
      Names.map((name) => printable(name.replace(/^\//, ''))).join(','),
    ]),
    { columns: full ? undefined : columns, cut: ['IMAGE', 'COMMAND'], leave: ['CREATED', 'COMMAND'] },
  )

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'not only running ones' },
    filter: { type: 'list', short: 'f', metavar: 'KEY=VALUE', about: `by ${FILTERS.join(', ')}` },
    format: FORMAT,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod ps -a --filter status=exited',
  async run({ options, agent }) {
    const { all, filter, quiet, format } = options
    const full = options['no-trunc']
    const filters = parseFilters(filter, FILTERS)
    const containers = await (await agent()).get<ContainerSummary[]>('/containers/json', { all, filters })
    if (format === 'json') return printJson(containers)
    if (!quiet) return print(formatContainers(containers, full, Date.now(), readColumns(STDOUT)))
    for (const { Id } of containers) print(full ? Id : shortId(Id))
  },
})
