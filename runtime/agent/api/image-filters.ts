/** `images --filter` and `image prune --filter`, in docker's words. */
import type { Image } from '../../../images/image.ts'
import { familiarReference, parseReference, repositoryOf } from '../../../images/reference.ts'
import { hasLabel, parseFilters, type Filters } from './filters.ts'
import { isTrue } from './query.ts'

const TRUTH = /^(?:true|false|1|0)$/
const MOMENT = /^\d+(?:\.\d+)?$|^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$|^\d{4}-\d\d-\d\d/

export const parseImageFilters = (text: string | null): Filters =>
  parseFilters(text, {
    id: 'images.filter',
    known: ['dangling', 'label', 'reference', 'before', 'since'],
    values: { dangling: TRUTH },
    example: 'dangling=true',
  })

export const parsePruneFilters = (text: string | null): Filters =>
  parseFilters(text, {
    id: 'images.filter',
    known: ['dangling', 'label', 'until'],
    values: { dangling: TRUTH, until: MOMENT },
    example: 'until=24h',
  })

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Seconds since 1970, RFC 3339, or how long ago; in milliseconds since 1970. */
const parseUntil = (text: string, nowMs: number): number => {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  if (/^\d{4}-/.test(text)) return Date.parse(text)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)]
  return parts.reduce((before, [, count, unit]) => before - Number(count) * (UNIT_MS[unit ?? ''] ?? 0), nowMs)
}

/** `*` and `?` as in a file name (path.Match of Go): not across a slash. */
const matchesGlob = (pattern: string, text: string): boolean => {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (mark) =>
    mark === '*' ? '[^/]*' : mark === '?' ? '[^/]' : `\\${mark}`,
  )
  return new RegExp(`^${source}$`).test(text)
}

/** Against the familiar name and the full one, each with and without its tag. */
const hasReference = (image: Image, pattern: string): boolean =>
  image.names.some((name) =>
    [name, familiarReference(parseReference(name))].some(
      (text) => matchesGlob(pattern, text) || matchesGlob(pattern, repositoryOf(text)),
    ),
  )

const createdMs = (image: Image): number => Date.parse(image.created ?? '') || 0

/** @param find of what `before` and `since` name. @throws what `find` throws. */
export const planImageFilter = async (
  filters: Filters,
  find: (word: string) => Promise<Image>,
): Promise<(image: Image) => boolean> => {
  const bounds = async (key: string): Promise<number[]> =>
    (await Promise.all((filters.get(key) ?? []).map(find))).map(createdMs)
  const [before, since] = [await bounds('before'), await bounds('since')]
  const until = (filters.get('until') ?? []).map((text) => parseUntil(text, Date.now()))
  return (image) =>
    (filters.get('dangling') ?? []).every((word) => isTrue(word) === (image.names.length === 0)) &&
    (filters.get('label') ?? []).every((word) => hasLabel(image.config.labels, word)) &&
    (filters.get('reference') ?? ['**']).some((word) => word === '**' || hasReference(image, word)) &&
    before.every((bound) => createdMs(image) < bound) &&
    since.every((bound) => createdMs(image) > bound) &&
    until.every((bound) => createdMs(image) < bound)
}

/** What a prune takes: images without a name, or with dangling=false every one. */
export const planPrune = async (filters: Filters): Promise<(image: Image) => boolean> => {
  const isAll = (filters.get('dangling') ?? []).some((word) => !isTrue(word))
  const others: Filters = new Map([...filters].filter(([key]) => key !== 'dangling'))
  const matches = await planImageFilter(others, () => Promise.reject(new Error('a prune knows no such filter')))
  return (image) => (isAll || image.names.length === 0) && matches(image)
}
