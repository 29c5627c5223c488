import type { ImageSummary } from '../api.ts'
import { parseFilters } from '../filters.ts'
import { formatAge, formatSize } from '../human.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { parseFormat, renderTemplate } from '../template.ts'
import { printable, shortId, tableOf } from '../table.ts'
import { FORMAT_OR_TEMPLATE, NO_TRUNC, defineVerb } from '../verb.ts'

const FILTERS = ['before', 'dangling', 'label', 'reference', 'since']
const NONE = '<none>'

/** One row a tag; an image without one is shown by its repository, or not at all by name. */
const splitNames = ({ RepoTags, RepoDigests }: ImageSummary): (readonly [repository: string, tag: string])[] => {
  const tags = (RepoTags ?? []).map((name) => {
    const colon = name.lastIndexOf(':')
    return [name.slice(0, colon), name.slice(colon + 1)] as const
  })
  return tags.length > 0 ? tags : [[RepoDigests?.[0]?.split('@')[0] ?? NONE, NONE]]
}

const NAMES = { REPOSITORY: 'Repository', TAG: 'Tag' } as const
const REST = { 'IMAGE ID': 'ID', CREATED: 'CreatedSince', SIZE: 'Size' } as const

interface Shown {
  full: boolean
  digests?: boolean
  nowMs: number
  /** Of a terminal. */
  columns?: number | undefined
}

export const formatImages = (images: readonly ImageSummary[], { full, digests, nowMs, columns }: Shown): string =>
  tableOf(
    { ...NAMES, ...(digests === true && { DIGEST: 'Digest' as const }), ...REST },
    images.flatMap((image) => toRows(image, full, nowMs)),
    { columns: full ? undefined : columns, cut: digests === true ? ['DIGEST'] : [], leave: ['CREATED'] },
  )

/** What a template may name, one row a tag: all that `--format json` has, and docker's words for what the table shows. */
const toRows = (image: ImageSummary, full: boolean, nowMs: number) =>
  splitNames(image).map(([repository, tag]) => ({
    ...image,
    Repository: printable(repository),
    Tag: printable(tag),
    ID: full ? image.Id : shortId(image.Id),
    CreatedSince: formatAge(image.Created, nowMs),
    Size: formatSize(image.Size),
  }))

export const verb = defineVerb({
  options: {
    all: { type: 'boolean', short: 'a', about: 'all of them, as without it: none is hidden here' },
    digests: { type: 'boolean', about: 'the digests of the manifests too' },
    filter: { type: 'list', short: 'f', metavar: 'KEY=VALUE', about: `by ${FILTERS.join(', ')}` },
    format: FORMAT_OR_TEMPLATE,
    'no-trunc': NO_TRUNC,
    quiet: { type: 'boolean', short: 'q', about: 'ids only' },
  },
  operands: { usage: '[REPOSITORY[:TAG]]', min: 0, max: 1 },
  example: 'glasspod images --format json',
  async run({ options, operands: [name], agent }) {
    const { 'no-trunc': full, digests } = options
    const format = parseFormat(options.format)
    const filters = parseFilters(
      name === undefined ? options.filter : [...options.filter, `reference=${name}`],
      FILTERS,
    )
    const images = await (await agent()).get<ImageSummary[]>('/images/json', { filters })
    if (format === 'json') return printJson(images)
    if (typeof format !== 'string') {
      for (const row of images.flatMap((image) => toRows(image, full, Date.now()))) print(renderTemplate(format, row))
      return
    }
    if (!options.quiet)
      return print(formatImages(images, { full, digests, nowMs: Date.now(), columns: readColumns(STDOUT) }))
    for (const { Id } of images) print(full ? Id : shortId(Id))
  },
})
