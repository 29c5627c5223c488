import type { ContainerSummary } from '../api.ts'
import { formatPort } from '../ports.ts'
import { formatAge } from '../human.ts'
import { parseFilters } from '../filters.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { parseFormat, renderTemplate } from '../template.ts'
import { fitTable, printable, shortId, truncate } from '../table.ts'
import { FORMAT_OR_TEMPLATE, NO_OPERANDS, NO_TRUNC, defineVerb } from '../verb.ts'

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
    containers
      .map((container) => toFields(container, full, nowMs))
      .map(({ ID, Image, Command, RunningFor, Status, Ports, Names }) => [
        ID,
        printable(Image),
        Command,
        RunningFor,
        Status,
        Ports,
        Names,
      ]),
    { columns: full ? undefined : columns, cut: ['IMAGE', 'COMMAND'], leave: ['CREATED', 'COMMAND'] },
  )

/** What a template may name: all that `--format json` has, and docker's words for what the table shows. */
const toFields = (container: ContainerSummary, full: boolean, nowMs: number) => {
  const { Id, Command, Created, Status, State, Ports, Names } = container
  return {
    ...container,
    ID: full ? Id : shortId(Id),
    Command: `"${full ? printable(Command) : truncate(printable(Command), COMMAND_WIDTH)}"`,
    RunningFor: formatAge(Created, nowMs),
    Status: Status || State,
    Ports: (Ports ?? []).map(formatPort).join(', '),
    Names: Names.map((name) => printable(name.replace(/^\//, ''))).join(','),
  }
}

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'not only running ones' },
    filter: { type: 'list', short: 'f', metavar: 'KEY=VALUE', about: `by ${FILTERS.join(', ')}` },
    format: FORMAT_OR_TEMPLATE,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod ps -a --filter status=exited',
  async run({ options, agent }) {
    const { all, filter, quiet } = options
    const format = parseFormat(options.format)
    const full = options['no-trunc']
    const filters = parseFilters(filter, FILTERS)
    const containers = await (await agent()).get<ContainerSummary[]>('/containers/json', { all, filters })
    if (format === 'json') return printJson(containers)
    if (typeof format !== 'string') {
      for (const container of containers) print(renderTemplate(format, toFields(container, full, Date.now())))
      return
    }
    if (!quiet) return print(formatContainers(containers, full, Date.now(), readColumns(STDOUT)))
    for (const { Id } of containers) print(full ? Id : shortId(Id))
  },
})
