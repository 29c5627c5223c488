import type { PodSummary } from '../api.ts'
import { formatAge } from '../human.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { formatPort } from '../ports.ts'
import { fitTable, printable, shortId } from '../table.ts'
import { FORMAT, NO_OPERANDS, NO_TRUNC, defineVerb } from '../verb.ts'

/** @param columns of a terminal. */
export const formatPods = (pods: readonly PodSummary[], full: boolean, nowMs: number, columns?: number): string =>
  fitTable(
    ['POD ID', 'NAME', 'STATUS', 'CREATED', 'IP', 'CONTAINERS', 'PORTS'],
    pods.map(({ Id, Name, Status, Created, IP, Containers, Ports }) => [
      full ? Id : shortId(Id),
      printable(Name),
      Status,
      formatAge(Created, nowMs),
      IP ?? '',
      Containers.length.toString(),
      (Ports ?? []).map(formatPort).join(', '),
    ]),
    { columns: full ? undefined : columns, leave: ['CREATED', 'CONTAINERS'] },
  )

export const verb = defineVerb({
  options: {
    format: FORMAT,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod pod ps',
  async run({ options, agent }) {
    const full = options['no-trunc']
    const pods = await (await agent()).get<PodSummary[]>('/glasspod/pods')
    if (options.format === 'json') return printJson(pods)
    if (!options.quiet) return print(formatPods(pods, full, Date.now(), readColumns(STDOUT)))
    for (const { Id } of pods) print(full ? Id : shortId(Id))
  },
})
