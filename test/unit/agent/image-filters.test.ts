import { describe, expect, it } from 'vitest'
import type { Image } from '../../../images/image.ts'
import {
  parseImageFilters,
  parsePruneFilters,
  planImageFilter,
  planPrune,
} from '../../../runtime/agent/api/image-filters.ts'
import { refusal } from '../kernel/refusal.ts'

const image = (names: readonly string[], created: string, labels: Record<string, string> = {}): Image =>
  ({ names, created, config: { labels } }) as unknown as Image

const old = image(['docker.io/library/busybox:1.36'], '2020-01-01T00:00:00Z', { tier: 'base' })
const app = image(['localhost:5000/team/app:2'], '2024-01-01T00:00:00Z')
const dangling = image([], new Date().toISOString(), { tier: 'web' })
const all = [old, app, dangling]

const pick = async (filters: unknown) =>
  all.filter(
    await planImageFilter(parseImageFilters(JSON.stringify(filters)), (word) =>
      Promise.resolve(word === 'app' ? app : old),
    ),
  )
const prune = async (filters: unknown) => all.filter(await planPrune(parsePruneFilters(JSON.stringify(filters))))

describe('filters of images', () => {
  it.each([
    [{}, all],
    [{ dangling: ['true'] }, [dangling]],
    [{ dangling: ['false'] }, [old, app]],
    [{ dangling: { 1: true } }, [dangling]],
    [{ label: ['tier'] }, [old, dangling]],
    [{ label: ['tier=web'] }, [dangling]],
    [{ reference: ['busybox'] }, [old]],
    [{ reference: ['busybox:1.*'] }, [old]],
    [{ reference: ['docker.io/library/busy???'] }, [old]],
    [{ reference: ['localhost:5000/*/app'] }, [app]],
    [{ reference: ['*'] }, [old]],
    [{ reference: ['busy.ox'] }, []],
    [{ before: ['app'] }, [old]],
    [{ since: ['old'] }, [app, dangling]],
  ])('%j', async (filters, wanted) => expect(await pick(filters)).toEqual(wanted))

  it.each([
    [{}, [dangling]],
    [{ dangling: ['false'] }, all],
    [{ dangling: ['false'], until: ['1h'] }, [old, app]],
    [{ dangling: ['false'], until: ['2022-01-01T00:00:00Z'] }, [old]],
    [{ dangling: ['false'], until: ['1600000000'] }, [old]],
    [{ dangling: ['false'], label: ['tier=base'] }, [old]],
  ])('of a prune %j', async (filters, wanted) => expect(await prune(filters)).toEqual(wanted))

  it('that nobody knows are refused', () => {
    expect(refusal(() => parseImageFilters('{"dangling":["maybe"]}'))).toBe("invalid filter 'dangling=maybe'")
    expect(refusal(() => parsePruneFilters('{"reference":["x"]}'))).toBe("invalid filter 'reference'")
    expect(refusal(() => parsePruneFilters('{"until":["soon"]}'))).toBe("invalid filter 'until=soon'")
  })
})
