/** Pulling an image, with its progress: the verb, and `run` where the image is missing. */
import { isatty } from 'node:tty'
import { type Failure, isFailure } from '../errors.ts'
import type { PullEvent } from './api.ts'
import type { Logins } from './logins.ts'
import { type Client, parseFailure } from './client.ts'
import { STDERR } from './output.ts'
import { QUIET, type ProgressView, openProgress } from './progress.ts'

export interface Pull {
  image: string
  platform: string | undefined
  quiet: boolean
  /** Owners that the id map does not have become root. */
  squash?: boolean
  logins: Logins
}

const openView = (quiet: boolean): ProgressView => {
  if (quiet) return QUIET
  if (!isatty(STDERR)) return openProgress(undefined)
  const { columns = 80, rows = 24 } = process.stderr
  return openProgress({ columns, rows })
}

/** Resolves to the id. */
export const pullImage = async (
  client: Client,
  { image, platform, quiet, squash = false, logins }: Pull,
): Promise<string> => {
  const view = openView(quiet)
  let id = ''
  try {
    const headers = await logins.headersFor(image)
    const events = client.lines<PullEvent>('/images/create', {
      query: { fromImage: image, platform, squash: squash ? '1' : undefined },
      headers,
    })
    for await (const event of events) {
      if (event.error !== undefined) throw readPullError(event)
      id = event.aux?.ID ?? id
      view.show(event)
    }
    return id
  } finally {
    view.finish()
  }
}

/** The stream has begun with 200, so its failure comes as a line of it. */
const readPullError = ({ error = '', errorDetail }: PullEvent): Failure =>
  parseFailure(JSON.stringify({ ...errorDetail, message: error || errorDetail?.['message'] }), 500)

/** Whether a refused create would succeed after a pull: the image, and not the pod, is what is not known. */
export const isImageMissing = (error: unknown): boolean =>
  isFailure(error) &&
  error.facts.status === 404 &&
  (error.facts.id?.startsWith('image') === true || /no such image/i.test(error.message))
