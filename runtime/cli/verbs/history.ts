import type { HistoryStep } from '../api.ts'
import { segment } from '../client.ts'
import { formatAge, formatSize } from '../human.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { fitTable, printable, shortId, truncate } from '../table.ts'
import { FORMAT, NO_TRUNC, defineVerb } from '../verb.ts'

const WIDTH = 45

/** @param columns of a terminal. */
export const formatHistory = (steps: readonly HistoryStep[], full: boolean, nowMs: number, columns?: number): string =>
  fitTable(
    ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'],
    steps.map(({ Id, Created, CreatedBy, Size, Comment }) => [
      full ? Id : shortId(Id),
      Created === 0 ? '' : formatAge(Created, nowMs),
      full ? printable(CreatedBy) : truncate(printable(CreatedBy), WIDTH),
      formatSize(Size),
      full ? printable(Comment) : truncate(printable(Comment), WIDTH),
    ]),
    { columns: full ? undefined : columns, cut: ['CREATED BY', 'COMMENT'] },
  )

export const verb = defineVerb({
  options: {
    format: FORMAT,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: { usage: 'IMAGE', min: 1, max: 1 },
  example: 'glasspod history busybox:1.36',
  async run({ options, operands: [image = ''], agent }) {
    const full = options['no-trunc']
    const steps = await (await agent()).get<HistoryStep[]>(`/images/${segment(image)}/history`)
    if (options.format === 'json') return printJson(steps)
    if (!options.quiet) return print(formatHistory(steps, full, Date.now(), readColumns(STDOUT)))
    for (const { Id } of steps) print(full ? Id : shortId(Id))
  },
})
