import type { RemovedName } from '../api.ts'
import { parseFilters } from '../filters.ts'
import { formatSize } from '../human.ts'
import { print, printJson } from '../output.ts'
import { FORMAT, NO_OPERANDS, defineVerb } from '../verb.ts'

const FILTERS = ['label', 'until']

/** `Untagged: NAME`, `Deleted: ID`, a line each. */
export const formatRemoved = (removed: readonly RemovedName[]): string =>
  removed.flatMap((item) => Object.entries(item).map(([what, id]) => `${what}: ${id}`)).join('\n')

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'also those with a name that no container runs from' },
    filter: { type: 'list', metavar: 'KEY=VALUE', about: `only by ${FILTERS.join(', ')}` },
    force: { type: 'boolean', short: 'f', about: 'do not ask' },
    format: FORMAT,
  },
  operands: NO_OPERANDS,
  example: 'glasspod image prune --all --filter until=240h',
  exitCodes: { '0': 'done', '1': 'the answer was no', '125': 'glasspod could not do it' },
  async run({ options: { all, filter, force, format }, agent }) {
    const given = parseFilters(filter, FILTERS)
    if (!force) {
      const { confirm } = await import('../confirm.ts')
      const which = all
        ? 'all images that no container runs from'
        : 'all images without a name that no container runs from'
      if (!(await confirm(`Remove ${which}?`, 'glasspod image prune --force'))) return 1
    }
    const filters = JSON.stringify({
      ...(given === undefined ? {} : (JSON.parse(given) as object)),
      dangling: [all ? 'false' : 'true'],
    })
    const answer = await (
      await agent()
    ).post<{ ImagesDeleted: RemovedName[]; SpaceReclaimed: number }>('/images/prune', { query: { filters } })
    if (format === 'json') printJson(answer)
    else {
      const removed = formatRemoved(answer.ImagesDeleted)
      if (removed !== '') print(removed)
      print(`Total reclaimed space: ${formatSize(answer.SpaceReclaimed)}`)
    }
    return 0
  },
})
