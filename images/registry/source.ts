/**
 * A name in a registry as the source of an image, by the mirrors that registries.conf gives it: the first place that
 * has the manifest serves the rest too, and the next ones help out where it fails.
 */
import { Failure, isFailure } from '../../runtime/errors.ts'
import { algorithmOf, digestMismatch, digestOf, isDigest, type Digest } from '../digest.ts'
import { MANIFEST_LIMIT, type Descriptor } from '../manifest.ts'
import { MANIFEST_ACCEPT } from '../media-types.ts'
import { formatReference, type Reference } from '../reference.ts'
import type { FetchedManifest, ImageSource } from '../source.ts'
import { openBlob, type Bytes } from './blob-stream.ts'
import { readAll } from './http.ts'
import type { Registry } from './registry.ts'
import { originsOf } from './url.ts'
import { placesOf, type Place, type RegistriesConf } from './registries-conf.ts'

/** The URL at a place of a reference's manifest, or of a blob. */
export const whereAt = (place: Place, { digest, tag }: Reference, blob?: string): string => {
  const path = blob === undefined ? `manifests/${digest ?? tag ?? 'latest'}` : `blobs/${blob}`
  return new URL(`/v2/${place.repository}/${path}`, originsOf(place)[0]).href
}

export class RegistrySource implements ImageSource {
  readonly what: string
  readonly #registry: Registry
  readonly #reference: Reference
  #places: readonly Place[]

  /** @throws Failure `registry.blocked`. */
  constructor(registry: Registry, reference: Reference, conf: RegistriesConf) {
    this.#registry = registry
    this.#reference = reference
    this.#places = placesOf(conf, reference)
    this.what = `registry ${reference.registry}`
  }

  /** The place that answered last, and so the one to name. */
  get servedBy(): string {
    const [place] = this.#places
    return place === undefined ? '' : `${place.host}/${place.repository}`
  }

  where(blob?: Digest): string {
    const [place] = this.#places
    return place === undefined ? this.what : whereAt(place, this.#reference, blob)
  }

  fetchManifest(descriptor: Descriptor | undefined, signal?: AbortSignal): Promise<FetchedManifest> {
    return this.#somewhere((place) => this.#manifestAt(place, descriptor, signal), signal)
  }

  fetchBlob(descriptor: Descriptor, signal?: AbortSignal): Promise<Bytes> {
    return this.#somewhere((place) => openBlob(this.#registry, { place, descriptor, signal }), signal)
  }

  /** The error of the place that was named; what the mirrors said goes with it. */
  async #somewhere<T>(ask: (place: Place) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const refusals: string[] = []
    for (const [at, place] of this.#places.entries()) {
      try {
        const found = await ask(place)
        // Who had it is asked first from now on; the others stay behind it.
        this.#places = [...this.#places.slice(at), ...this.#places.slice(0, at)].sort(
          (a, b) => Number(b === place) - Number(a === place),
        )
        return found
      } catch (error) {
        const isLast = at === this.#places.length - 1
        if (!isFailure(error) || signal?.aborted === true) throw error
        if (!isLast) refusals.push(`mirror ${place.host}: ${error.message}`)
        else if (refusals.length === 0) throw error
        else {
          const found = [error.facts.found ?? [], ...refusals].flat().join('; ')
          throw new Failure(error.message, { ...error.facts, found }, { cause: error })
        }
      }
    }
    throw new Error('a reference without a place')
  }

  async #manifestAt(place: Place, descriptor: Descriptor | undefined, signal?: AbortSignal): Promise<FetchedManifest> {
    const reference = this.#reference
    const digest = descriptor?.digest ?? reference.digest
    const wanted = digest ?? reference.tag ?? 'latest'
    const name = formatReference(reference)
    const answer = await this.#registry.expect(
      {
        endpoint: place,
        repository: place.repository,
        path: `/v2/${place.repository}/manifests/${wanted}`,
        headers: { accept: MANIFEST_ACCEPT },
        signal,
      },
      [200],
      `image ${name}`,
    )
    const what = `manifest of ${name}`
    const bytes = await readAll(answer, descriptor?.size ?? MANIFEST_LIMIT, what)
    const promised = digest ?? answer.header('docker-content-digest')
    if (promised !== undefined && isDigest(promised)) {
      const got = digestOf(bytes, algorithmOf(promised))
      if (got !== promised) throw digestMismatch(what, promised, got)
      return { bytes, digest: promised, contentType: answer.header('content-type') ?? '' }
    }
    return { bytes, digest: digestOf(bytes), contentType: answer.header('content-type') ?? '' }
  }
}
