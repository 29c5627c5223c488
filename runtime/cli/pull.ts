/** Pulling an image, with its progress: the verb, and `run` where the image is missing. */
import { isFailure } from '../errors.ts'
import type { PullEvent } from './api.ts'
import { verifyQuery, type Logins } from './logins.ts'
import type { Client } from './client.ts'
import { followTransfer } from './transfer.ts'

export interface Pull {
  image: string
  platform: string | undefined
  quiet: boolean
  /** Owners that the id map does not have become root. */
  squash?: boolean
  logins: Logins
  /** --tls-verify */
  tlsVerify?: string | undefined
}

/** Resolves to the id. */
export const pullImage = async (
  client: Client,
  { image, platform, quiet, squash = false, logins, tlsVerify }: Pull,
): Promise<string> => {
  let id = ''
  const headers = await logins.forPull(image)
  const query = { fromImage: image, platform, squash: squash ? '1' : undefined, ...verifyQuery(tlsVerify) }
  await followTransfer(client.lines<PullEvent>('/images/create', { query, headers }), {
    quiet,
    take: ({ aux }) => (id = aux?.ID ?? id),
  })
  return id
}

/** Whether a refused create would succeed after a pull: the image, and not the pod, is what is not known. */
export const isImageMissing = (error: unknown): boolean =>
  isFailure(error) &&
  error.facts.status === 404 &&
  (error.facts.id?.startsWith('image') === true || /no such image/i.test(error.message))
