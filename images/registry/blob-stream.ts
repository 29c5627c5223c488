/**
 * A blob as it comes, unverified; where the connection breaks it is asked for from there on (RFC 9110 section 14,
 * `Range`), so that the consumer sees one stream. Whoever stores it checks size and digest of the whole.
 */
import { Failure, isFailure } from '../../runtime/errors.ts'
import type { Descriptor } from '../manifest.ts'
import { toRefusal } from './answer.ts'
import type { Answer } from './http.ts'
import type { Registry } from './registry.ts'
import type { Place } from './registries-conf.ts'
import { planPause, waitFor } from './retry.ts'

export type Bytes = AsyncGenerator<Uint8Array, undefined>

interface Wanted {
  readonly place: Place
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>
  readonly signal?: AbortSignal | undefined
}

/** However well each piece goes on. */
const RESUMES_LIMIT = 50
const BROKEN = ['registry.interrupted', 'registry.timeout']

const ask = async (registry: Registry, { place, descriptor, signal }: Wanted, offset: number): Promise<Answer> => {
  const answer = await registry.send({
    endpoint: place,
    repository: place.repository,
    path: `/v2/${place.repository}/blobs/${descriptor.digest}`,
    headers: { accept: '*/*', ...(offset > 0 && { range: `bytes=${offset}-` }) },
    signal,
  })
  if (answer.status === 200 || (offset > 0 && answer.status === 206)) return answer
  throw await toRefusal(answer, place.host, `blob ${descriptor.digest}`)
}

/** How many bytes of the answer are already here. */
const overlapOf = ({ status, header }: Answer, offset: number, host: string): number => {
  if (status === 200) return offset
  const start = Number(/^bytes (\d+)-/.exec(header('content-range') ?? '')?.[1] ?? NaN)
  if (start <= offset) return offset - start
  throw new Failure(`registry ${host} sends another part of a blob than was asked for`, {
    id: 'registry.range',
    found: `asked from byte ${offset}, got ${header('content-range') ?? 'no Content-Range'}`,
  })
}

/** @throws Failure `registry.*` at once where there is no such blob, else while it is read. */
export const openBlob = async (registry: Registry, wanted: Wanted): Promise<Bytes> =>
  resumed(registry, wanted, await ask(registry, wanted, 0))

async function* resumed(registry: Registry, wanted: Wanted, first: Answer): Bytes {
  const { size } = wanted.descriptor
  let [offset, failures, answer] = [0, 0, first]
  for (let resumes = 0; ; resumes++) {
    const from = offset
    let broken: Failure | undefined
    let overlap = overlapOf(answer, offset, wanted.place.host)
    try {
      for await (const chunk of answer.body) {
        const fresh = chunk.subarray(Math.min(overlap, chunk.length))
        overlap -= chunk.length - fresh.length
        offset += fresh.length
        if (fresh.length > 0) yield fresh
      }
    } catch (error) {
      if (!isFailure(error) || !BROKEN.includes(error.facts.id ?? '')) throw error
      broken = error
    }
    // A blob that ends early as if that were all is one that broke; a longer one is for the consumer to refuse.
    if (offset >= size && broken === undefined) return
    failures = offset > from ? 1 : failures + 1
    const pause = resumes < RESUMES_LIMIT ? planPause(registry.patience, failures) : undefined
    if (pause === undefined || wanted.signal?.aborted === true) {
      if (broken !== undefined) throw broken
      return
    }
    await waitFor(pause, wanted.signal)
    answer = await ask(registry, wanted, offset)
  }
}
