/**
 * Blobs and manifests to a registry (OCI distribution-spec, "Push"): asked for first, then mounted from a repository
 * that has it, else sent in one request of the right length. A broken upload begins anew, because the blob is a file
 * here and sessions are rarely worth going on with.
 */
import { Failure } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Descriptor } from '../manifest.ts'
import { toRefusal } from './answer.ts'
import { discard, type Answer } from './http.ts'
import type { Place } from './registries-conf.ts'
import type { Registry } from './registry.ts'
import { isPassingStatus, mayPass, planPause, waitFor } from './retry.ts'

export interface BlobUpload {
  readonly descriptor: Pick<Descriptor, 'digest' | 'size'>
  /** Another repository of the same registry that may have it. */
  readonly from: string | undefined
  /** From its first byte each time. */
  readonly read: () => AsyncIterable<Uint8Array>
}

export class Uploader {
  readonly #registry: Registry
  readonly #place: Place
  readonly #signal: AbortSignal | undefined

  constructor(registry: Registry, place: Place, signal?: AbortSignal) {
    this.#registry = registry
    this.#place = place
    this.#signal = signal
  }

  /** @returns how it came there. @throws Failure `registry.*`. */
  async blob(upload: BlobUpload): Promise<'exists' | 'mounted' | 'pushed'> {
    const { digest } = upload.descriptor
    const object = `blob ${digest}`
    if (await this.#has(digest, object)) return 'exists'
    for (let attempt = 1; ; attempt++) {
      let pause: number | undefined
      try {
        const session = await this.#begin(upload, object)
        if (session === undefined) return 'mounted'
        const answer = await this.#put(session, upload)
        if (answer.status === 201 || answer.status === 204) {
          await discard(answer)
          return 'pushed'
        }
        const refusal = await toRefusal(answer, this.#place.host, object)
        if (!isPassingStatus(answer.status)) throw refusal
        pause = planPause(this.#registry.patience, attempt)
        if (pause === undefined) throw refusal
      } catch (error) {
        pause ??= mayPass(error) ? planPause(this.#registry.patience, attempt) : undefined
        if (pause === undefined || this.#signal?.aborted === true) throw error
      }
      await waitFor(pause, this.#signal)
    }
  }

  /** @param as a tag or the digest. @throws Failure `registry.*`. */
  async manifest(
    bytes: Buffer,
    { mediaType, digest }: Pick<Descriptor, 'mediaType' | 'digest'>,
    as: string,
  ): Promise<void> {
    const { host, repository } = this.#place
    const object = `manifest ${repository}:${as}`
    const answer = await this.#registry.expect(
      this.#request(`/v2/${repository}/manifests/${as}`, {
        method: 'PUT',
        headers: { 'content-type': mediaType },
        body: bytes,
      }),
      [200, 201, 202],
      object,
    )
    await discard(answer)
    const got = answer.header('docker-content-digest')
    if (got === undefined || got === digest) return
    throw new Failure(`registry ${host} keeps ${object} under another digest`, {
      id: 'registry.digest',
      found: `sent ${digest}, it says ${got}`,
    })
  }

  #request(path: string | URL, more: Partial<Parameters<Registry['send']>[0]>): Parameters<Registry['send']>[0] {
    const { repository } = this.#place
    return { endpoint: this.#place, repository, actions: 'pull,push', path, signal: this.#signal, ...more }
  }

  async #has(digest: Digest, object: string): Promise<boolean> {
    const { host, repository } = this.#place
    const answer = await this.#registry.send(this.#request(`/v2/${repository}/blobs/${digest}`, { method: 'HEAD' }))
    if (answer.status === 200) {
      await discard(answer)
      return true
    }
    if (answer.status !== 404) throw await toRefusal(answer, host, object)
    await discard(answer)
    return false
  }

  /** Where to send it to; undefined when the registry has taken it from the other repository. */
  async #begin({ descriptor: { digest }, from }: BlobUpload, object: string): Promise<URL | undefined> {
    const { host, repository } = this.#place
    const query = from === undefined ? '' : `?${new URLSearchParams({ mount: digest, from }).toString()}`
    const answer = await this.#registry.expect(
      this.#request(`/v2/${repository}/blobs/uploads/${query}`, { method: 'POST', body: Buffer.alloc(0) }),
      [201, 202],
      object,
    )
    await discard(answer)
    if (answer.status === 201) return undefined
    const location = answer.header('location') ?? ''
    if (location === '' || !URL.canParse(location, answer.url.href)) {
      throw new Failure(`registry ${host} does not say where to send ${object}`, { id: 'registry.redirect' })
    }
    const session = new URL(location, answer.url)
    session.searchParams.set('digest', digest)
    return session
  }

  #put(session: URL, { descriptor: { size }, read }: BlobUpload): Promise<Answer> {
    return this.#registry.send(
      this.#request(session, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream', 'content-length': `${size}` },
        body: read,
      }),
    )
  }
}
