/** Promise: whatever a registry answers, it leads to an image or to a Failure. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { digestOf } from '../../../images/digest.ts'
import { parseImageConfig } from '../../../images/image-config.ts'
import { parseManifest } from '../../../images/manifest.ts'
import { OCI_INDEX, OCI_MANIFEST } from '../../../images/media-types.ts'
import { hostPlatform } from '../../../images/platform.ts'
import { fetchSmall, resolveManifest } from '../../../images/resolve-manifest.ts'
import type { ImageSource } from '../../../images/source.ts'
import { toImage } from '../../../images/store/image-list.ts'
import { isFailure } from '../../../runtime/errors.ts'
import { fuzzRuns } from '../../fixtures/fuzz-runs.ts'
import { child, config, describe as described, index, manifest } from '../../fixtures/hostile/document-case.ts'
import { documentCorpus } from '../../fixtures/hostile/documents.ts'

const CASES = 20_000
/** Milliseconds, on a machine that does other things too. */
const PATIENCE = 300_000
const LIMIT = 1024 * 1024

const GOOD = manifest()
const documents = [
  GOOD,
  config(),
  index([child(GOOD), described(OCI_INDEX, index([child(GOOD)]))]),
  ...documentCorpus().flatMap(({ top }) => (Buffer.isBuffer(top) && top.length < 5000 ? [top] : [])),
]

const odd = fc.oneof(
  fc.constantFrom(null, true, -1, 0, 2, 2 ** 53, 1e308, '', '__proto__', OCI_INDEX, OCI_MANIFEST, digestOf(GOOD)),
  fc.jsonValue({ maxDepth: 2 }),
)

/** One value of the document, whichever comes at that place, is another. */
const withOdd = (bytes: Buffer, at: number, value: unknown): Buffer => {
  let left = at
  try {
    const text = JSON.stringify(JSON.parse(bytes.toString()), (_, inner: unknown) => (left-- === 0 ? value : inner))
    return Buffer.from(text)
  } catch {
    return bytes
  }
}

const withBytes = (bytes: Buffer, mutations: readonly (readonly [number, number])[]): Buffer => {
  const copy = Buffer.from(bytes)
  for (const [at, byte] of mutations) if (copy.length > 0) copy[at % copy.length] = byte
  return copy
}

const document = fc
  .tuple(
    fc.constantFrom(...documents),
    fc.array(fc.tuple(fc.nat(40), odd), { maxLength: 2 }),
    fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { maxLength: 2 }),
  )
  .map(([bytes, values, mutations]) =>
    withBytes(
      values.reduce((changed, [at, value]) => withOdd(changed, at, value), bytes),
      mutations,
    ),
  )

interface Answers {
  readonly top: Buffer
  /** What is told of the rest, whatever is asked for. */
  readonly rest: readonly Buffer[]
  readonly contentType: string
}

const toSource = ({ top, rest, contentType }: Answers): ImageSource & { asked: number } => {
  const next = (): Buffer => rest[source.asked++ % rest.length] ?? top
  const source = {
    what: 'a fuzzer',
    asked: 0,
    where: () => 'nowhere',
    fetchManifest: (descriptor: unknown) => {
      const bytes = descriptor === undefined ? top : next()
      return Promise.resolve({ bytes, digest: digestOf(bytes), contentType })
    },
    fetchBlob: () =>
      Promise.resolve(
        (async function* (): AsyncGenerator<Uint8Array, undefined> {
          yield await Promise.resolve(next())
          return undefined
        })(),
      ),
  }
  return source
}

const resolve = async (source: ImageSource): Promise<void> => {
  const { descriptor, bytes } = await resolveManifest({
    source,
    wanted: hostPlatform(),
    read: () => Promise.resolve(undefined),
  })
  const parsed = parseManifest(bytes, descriptor.mediaType)
  if (parsed.kind === 'index') throw new Error('an index was chosen as a manifest')
  const configBytes = await fetchSmall(source, { descriptor: parsed.config, limit: LIMIT, signal: undefined })
  toImage(descriptor, { bytes, configBytes })
}

const orFailure = (error: unknown): void => {
  if (!isFailure(error)) throw error
}

describe('any document', () => {
  test(
    `is followed or refused by a Failure, in few requests: ${CASES} times`,
    () =>
      fc.assert(
        fc.asyncProperty(
          document,
          fc.array(document, { minLength: 1, maxLength: 4 }),
          fc.constantFrom('', OCI_INDEX, OCI_MANIFEST, 'text/html', ';'),
          async (top, rest, contentType) => {
            const source = toSource({ top, rest, contentType })
            await resolve(source).catch(orFailure)
            expect(source.asked).toBeLessThan(40)
            for (const bytes of [top, ...rest]) {
              try {
                parseImageConfig(bytes)
              } catch (error) {
                orFailure(error)
              }
            }
          },
        ),
        fuzzRuns(CASES),
      ),
    PATIENCE,
  )
})
