import type { DiskUsage } from '../api.ts'
import { formatAge, formatSize } from '../human.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { fitTable, formatTable, printable, shortId } from '../table.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const formatShare = (part: number, whole: number): string =>
  `${formatSize(part)} (${whole === 0 ? 0 : Math.round((100 * part) / whole)}%)`

const isRunning = (state: string): boolean => state === 'running' || state === 'paused'
const sumOf = (sizes: readonly number[]): number => sizes.reduce((sum, size) => sum + size, 0)

export const formatUsage = ({ LayersSize, Images, Containers }: DiskUsage): string => {
  // Of an unused image what no other one has; what unused ones share goes with the last of them, and is not foreseen.
  const unused = sumOf(
    Images.filter((image) => image.Containers === 0).map(({ Size, SharedSize }) => Size - SharedSize),
  )
  const written = sumOf(Containers.map(({ SizeRw }) => SizeRw))
  const ended = sumOf(Containers.filter(({ State }) => !isRunning(State)).map(({ SizeRw }) => SizeRw))
  const active = Containers.filter(({ State }) => isRunning(State)).length
  return formatTable(
    ['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'],
    [
      [
        'Images',
        `${Images.length}`,
        `${Images.filter((image) => image.Containers > 0).length}`,
        formatSize(LayersSize),
        formatShare(unused, LayersSize),
      ],
      ['Containers', `${Containers.length}`, `${active}`, formatSize(written), formatShare(ended, written)],
    ],
  )
}

/** @param columns of a terminal. */
export const formatUsageDetails = ({ Images, Containers }: DiskUsage, nowMs: number, columns?: number): string =>
  [
    'Images space usage:',
    '',
    fitTable(
      ['IMAGE', 'IMAGE ID', 'CREATED', 'SIZE', 'SHARED SIZE', 'UNIQUE SIZE', 'CONTAINERS'],
      Images.map(({ RepoTags, Id, Created, Size, SharedSize, Containers: count }) => [
        printable(RepoTags?.[0] ?? '<none>'),
        shortId(Id),
        Created === 0 ? '' : formatAge(Created, nowMs),
        formatSize(Size),
        formatSize(SharedSize),
        formatSize(Size - SharedSize),
        `${count}`,
      ]),
      { columns, cut: ['IMAGE'], leave: ['CREATED', 'SIZE'] },
    ),
    '',
    'Containers space usage:',
    '',
    fitTable(
      ['CONTAINER ID', 'IMAGE', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
      Containers.map(({ Id, Image, SizeRw, Created, Status, Names }) => [
        shortId(Id),
        printable(Image),
        formatSize(SizeRw),
        formatAge(Created, nowMs),
        Status,
        Names.map((name) => name.replace(/^\//, '')).join(','),
      ]),
      { columns, cut: ['IMAGE'], leave: ['CREATED'] },
    ),
  ].join('\n')

export const verb = defineVerb({
  options: {
    format: FORMAT,
    verbose: { type: 'boolean', short: 'v', about: 'each image and container' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod system df --verbose',
  async run({ options: { format, verbose }, agent }) {
    const usage = await (await agent()).get<DiskUsage>('/system/df')
    if (format === 'json') printJson(usage)
    else print(verbose ? formatUsageDetails(usage, Date.now(), readColumns(STDOUT)) : formatUsage(usage))
  },
})
