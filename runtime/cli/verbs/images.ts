import type { ImageSummary } from '../api.ts'
import { formatAge, formatSize } from '../human.ts'
import { print, printJson } from '../output.ts'
import { formatTable, printable, shortId } from '../table.ts'
import { FORMAT, NO_OPERANDS, NO_TRUNC, defineVerb } from '../verb.ts'

const NONE = '<none>'

/** One row a tag; an image without one is shown by its repository, or not at all by name. */
const splitNames = ({ RepoTags, RepoDigests }: ImageSummary): (readonly [repository: string, tag: string])[] => {
  const tags = (RepoTags ?? []).map((name) => {
    const colon = name.lastIndexOf(':')
    return [name.slice(0, colon), name.slice(colon + 1)] as const
  })
  return tags.length > 0 ? tags : [[RepoDigests?.[0]?.split('@')[0] ?? NONE, NONE]]
}

export const formatImages = (images: readonly ImageSummary[], full: boolean, nowMs: number): string =>
  formatTable(
    ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'],
    images.flatMap((image) =>
      splitNames(image).map(([repository, tag]) => [
        printable(repository),
        printable(tag),
        full ? image.Id : shortId(image.Id),
        formatAge(image.Created, nowMs),
        formatSize(image.Size),
      ]),
    ),
  )

export const verb = defineVerb({
  options: {
    format: FORMAT,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: NO_OPERANDS,
  example: 'glasspod images --format json',
  async run({ options, agent }) {
    const full = options['no-trunc']
    const images = await (await agent()).get<ImageSummary[]>('/images/json')
    if (options.format === 'json') return printJson(images)
    if (!options.quiet) return print(formatImages(images, full, Date.now()))
    for (const { Id } of images) print(full ? Id : shortId(Id))
  },
})
