/**
 * The reading half of OCI distribution-spec: manifests and blobs of one reference, anonymously. Manifests are
 * verified here; blobs come as streams and are verified by whoever stores them (BlobWriter).
 */
import { Tokens } from './auth.ts'
import { algorithmOf, digestMismatch, digestOf, isDigest, type Digest } from '../digest.ts'
import { discard, HttpClient, readAll, type Answer, type Timeouts } from './http.ts'
import { MANIFEST_LIMIT, type Descriptor } from '../manifest.ts'
import { MANIFEST_ACCEPT } from '../media-types.ts'
import { formatReference, type Reference } from '../reference.ts'
import { registryUrl } from './url.ts'
import { toRefusal } from './answer.ts'

export interface RegistryOptions {
  readonly timeouts?: Partial<Timeouts>
}

export interface FetchedManifest {
  readonly bytes: Buffer
  /** Of the bytes that came. */
  readonly digest: Digest
  /** The Content-Type, which the document itself may correct. */
  readonly contentType: string
}

interface Wanted {
  readonly path: string
  readonly accept: string
  readonly object: string
  readonly signal?: AbortSignal | undefined
}

export class Registry {
  readonly #http: HttpClient
  readonly #tokens: Tokens

  constructor({ timeouts }: RegistryOptions = {}) {
    this.#http = new HttpClient(timeouts)
    this.#tokens = new Tokens(this.#http)
  }

  /** The index or manifest that the reference's digest, else its tag, names. @throws Failure `registry.*`. */
  async fetchManifest(reference: Reference, signal?: AbortSignal): Promise<FetchedManifest> {
    const wanted = reference.digest ?? reference.tag ?? 'latest'
    const answer = await this.#get(reference, {
      path: `manifests/${wanted}`,
      accept: MANIFEST_ACCEPT,
      object: `image ${formatReference(reference)}`,
      signal,
    })
    const what = `manifest of ${formatReference(reference)}`
    const bytes = await readAll(answer, MANIFEST_LIMIT, what)
    const promised = reference.digest ?? answer.header('docker-content-digest')
    const digest = digestOf(bytes)
    if (promised !== undefined && isDigest(promised)) {
      const got = digestOf(bytes, algorithmOf(promised))
      if (got !== promised) throw digestMismatch(what, promised, got)
    }
    return { bytes, digest, contentType: answer.header('content-type') ?? '' }
  }

  /** A blob's bytes as they come, unverified. @throws Failure `registry.*`, also while it is read. */
  async fetchBlob(
    reference: Reference,
    { digest }: Pick<Descriptor, 'digest'>,
    signal?: AbortSignal,
  ): Promise<AsyncGenerator<Uint8Array, undefined>> {
    const { body } = await this.#get(reference, {
      path: `blobs/${digest}`,
      accept: '*/*',
      object: `blob ${digest}`,
      signal,
    })
    return body
  }

  /** Ends the connections that are kept for later. */
  async close(): Promise<void> {
    await this.#http.close()
  }

  async #get(reference: Reference, { path, accept, object, signal }: Wanted): Promise<Answer> {
    const { registry, repository } = reference
    const url = new URL(`/v2/${repository}/${path}`, registryUrl(registry))
    const send = (authorization: string | undefined): Promise<Answer> =>
      this.#http.get({
        url,
        registry,
        headers: { accept, ...(authorization !== undefined && { authorization }) },
        signal,
      })

    const used = await this.#tokens.cached(reference)
    let answer = await send(used)
    if (answer.status === 401) {
      await discard(answer)
      const challenge = answer.header('www-authenticate') ?? ''
      answer = await send(await this.#tokens.answer(reference, { challenge, refused: used, signal }))
    }
    if (answer.status === 200) return answer
    throw await toRefusal(answer, registry, object)
  }
}
