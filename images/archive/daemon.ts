/**
 * A Docker daemon as a place of images, by dockerode: it gives and takes the archives of docker save and load. One that
 * says nothing is given up.
 */
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { Failure, errnoOf, isFailure } from '../../runtime/errors.ts'
import { hostOf, openLine, type Env } from './daemon-address.ts'
import { Silence, watched } from '../silence.ts'

export interface Daemon {
  /** The archive of an image. @throws Failure `daemon.*`, `image.unknown`, also while it is read. */
  save: (name: string) => Promise<AsyncIterable<Uint8Array>>
  /** @throws Failure `daemon.*`, also for what the daemon says only at the end; and what reading the archive throws. */
  load: (name: string, archive: AsyncIterable<Uint8Array>) => Promise<void>
}

export interface DaemonLimits {
  /** Milliseconds for a small answer, connecting included. */
  readonly answerMs: number
  /** Milliseconds in which no byte of an archive moves. Long: some write all of it down before they send the first. */
  readonly idleMs: number
}

const DEFAULT_LIMITS: DaemonLimits = { answerMs: 30_000, idleMs: 300_000 }

const unreachable = (host: string, error: unknown): Failure => {
  const errno = errnoOf(error)
  return new Failure(`docker daemon ${host} cannot be reached: ${errno ?? String(error)}`, {
    id: 'daemon.unreachable',
    why: errno === 'EACCES' ? 'its socket is not for you: who may use it is root on this machine' : undefined,
    try:
      errno === 'EACCES'
        ? 'docker save IMAGE | glasspod load, by who may'
        : 'does it run, and is DOCKER_HOST its address?',
    status: 502,
  })
}

const silent = (host: string, ms: number): Failure =>
  new Failure(`docker daemon ${host} is silent: nothing came for ${ms / 1000} s`, {
    id: 'daemon.timeout',
    try: 'does it answer others, as in docker version?',
    status: 504,
  })

/** Of dockerode's errors, which have the daemon's status and words. */
const nameFailure = (error: unknown, host: string, name: string): Failure => {
  if (isFailure(error)) return error
  const { statusCode, json } = error as { statusCode?: number; json?: { message?: string } }
  if (statusCode === undefined) return unreachable(host, error)
  const words = json?.message ?? String(error)
  return new Failure(`docker daemon ${host} refuses ${name}`, {
    id: statusCode === 404 ? 'image.unknown' : 'daemon.refused',
    found: `it answered ${statusCode}: ${words.slice(0, 300)}`,
    status: statusCode === 404 ? 404 : 502,
  })
}

const load = async (): Promise<typeof Docker> => {
  try {
    return (await import('dockerode')).default
  } catch (error) {
    throw new Failure('dockerode, which speaks to a docker daemon, cannot be loaded', {
      id: 'daemon.client',
      found: (error as Error).message.split('\n')[0] ?? '',
      try: 'npm ci',
    })
  }
}

interface Told {
  error?: string
}

/** @param env DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH. @throws Failure `daemon.*`. */
export const openDaemon = async (env: Env, limits: DaemonLimits = DEFAULT_LIMITS): Promise<Daemon> => {
  const host = hostOf(env)
  const line = await openLine(env).catch((error: unknown) => {
    throw isFailure(error) ? error : unreachable(host, error)
  })
  const docker = new (await load())(line.options)
  const silence = new Silence(line.cut)
  const failureOf = (error: unknown, name: string): Failure =>
    silence.reached === undefined ? nameFailure(error, host, name) : silent(host, silence.reached)

  async function* read(stream: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
    const chunks = stream[Symbol.asyncIterator]()
    try {
      for (;;) {
        // Who takes them may be slow: that does not count.
        silence.allow(limits.idleMs)
        const next = await chunks.next()
        silence.stop()
        if (next.done === true) return
        yield next.value
      }
    } catch (error) {
      if (silence.reached !== undefined) throw silent(host, silence.reached)
      throw new Failure(`docker daemon ${host} broke off ${name}: ${errnoOf(error) ?? String(error)}`, {
        id: 'daemon.interrupted',
        status: 502,
      })
    } finally {
      silence.stop()
      await chunks.return?.()
    }
  }

  return {
    save: async (name) => {
      try {
        silence.allow(limits.answerMs)
        // Asked for first: some daemons begin to answer before they know whether there is such an image.
        await docker.getImage(name).inspect()
        silence.allow(limits.idleMs)
        return read((await docker.getImage(name).get()) as unknown as AsyncIterable<Uint8Array>, name)
      } catch (error) {
        throw failureOf(error, name)
      } finally {
        silence.stop()
      }
    },
    load: async (name, archive) => {
      const broken = new AbortController()
      let sent: Readable | undefined
      try {
        silence.allow(limits.answerMs)
        // Asked for first: nothing is read for one that does not answer.
        await docker.ping()
        const moved = (): void => silence.allow(limits.idleMs)
        moved()
        const body = Readable.from(watched(archive, moved), { objectMode: false })
        sent = body.once('error', (error) => broken.abort(error))
        const events = await new Promise<readonly Told[]>((resolve, reject) => {
          broken.signal.addEventListener('abort', () => reject(broken.signal.reason as Error))
          docker
            .loadImage(body, { abortSignal: broken.signal })
            .then((stream) =>
              docker.modem.followProgress(
                stream,
                (error: Error | null, output: Told[]) => (error === null ? resolve(output) : reject(error)),
                moved,
              ),
            )
            .catch(reject)
        })
        const refused = events.find(({ error }) => error !== undefined)?.error
        if (refused === undefined) return
        throw new Failure(`docker daemon ${host} refuses ${name}`, {
          id: 'daemon.refused',
          found: refused.slice(0, 300),
          status: 502,
        })
      } catch (error) {
        throw broken.signal.aborted ? broken.signal.reason : failureOf(error, name)
      } finally {
        silence.stop()
        sent?.destroy()
      }
    },
  }
}
