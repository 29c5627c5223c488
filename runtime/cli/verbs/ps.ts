import type { ContainerSummary } from '../api.ts'
import { formatPort } from '../ports.ts'
import { formatAge } from '../human.ts'
import { parseFilters } from '../filters.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { parseFormat, renderTemplate } from '../template.ts'
import { printable, shortId, tableOf, truncate } from '../table.ts'
import { FORMAT_OR_TEMPLATE, NO_OPERANDS, NO_TRUNC, defineVerb } from '../verb.ts'

const FILTERS = ['id', 'label', 'name', 'pod', 'status']
const COLUMNS = {
  'CONTAINER ID': 'ID',
  IMAGE: 'Image',
  COMMAND: 'Command',
  CREATED: 'RunningFor',
  STATUS: 'Status',
  PORTS: 'Ports',
  NAMES: 'Names',
} as const
const COMMAND_WIDTH = 20

/** @param columns of a terminal. */
export const formatContainers = (
  containers: readonly ContainerSummary[],
  full: boolean,
  nowMs: number,
  columns?: number,
): string =>
  tableOf(
    COLUMNS,
    containers.map((container) => toRow(container, full, nowMs)),
    { columns: full ? undefined : columns, cut: ['IMAGE', 'COMMAND'], leave: ['CREATED', 'COMMAND'] },
  )

/** What a template may name: the columns of the table by docker's words, and what else `--format json` has. */
const toRow = (container: ContainerSummary, full: boolean, nowMs: number) => {
  const { Id, Image, Command, Created, Status, State, Ports, Names } = container
  return {
    ...container,
    ID: full ? Id : shortId(Id),
    Image: printable(Image),
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
      for (const container of containers) print(renderTemplate(format, toRow(container, full, Date.now())))
      return
    }
    if (!quiet) return print(formatContainers(containers, full, Date.now(), readColumns(STDOUT)))
    for (const { Id } of containers) print(full ? Id : shortId(Id))
  },
})
