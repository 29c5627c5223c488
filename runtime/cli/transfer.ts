/** A transfer that the agent tells of in lines of JSON: its progress on standard error, its failure thrown. */
import { isatty } from 'node:tty'
import { counted } from '../../images/counted.ts'
import type { Failure } from '../errors.ts'
import type { PullEvent } from './api.ts'
import { parseFailure } from './client.ts'
import { STDERR } from './output.ts'
import { QUIET, type ProgressView, openProgress } from './progress.ts'

const openView = (quiet: boolean): ProgressView => {
  if (quiet) return QUIET
  if (!isatty(STDERR)) return openProgress(undefined)
  const { columns = 80, rows = 24 } = process.stderr
  return openProgress({ columns, rows })
}

/** @param take hears each event that is no failure. */
export const followTransfer = async (
  events: AsyncIterable<PullEvent>,
  { quiet, take }: { quiet: boolean; take: (event: PullEvent) => void },
): Promise<void> => {
  const view = openView(quiet)
  try {
    for await (const event of events) {
      if (event.error !== undefined) throw readTransferError(event)
      take(event)
      if (event.status !== undefined) view.show(event)
    }
  } finally {
    view.finish()
  }
}

/** The stream has begun with 200, so its failure comes as a line of it. */
const readTransferError = ({ error = '', errorDetail }: PullEvent): Failure =>
  parseFailure(JSON.stringify({ ...errorDetail, message: error || errorDetail?.['message'] }), 500)

/** An archive on its way to a place that says nothing itself: how much of it there is so far, on standard error. */
export async function* followArchive(
  archive: AsyncIterable<Uint8Array>,
  { quiet }: { quiet: boolean },
): AsyncGenerator<Uint8Array> {
  const view = openView(quiet)
  const show = (status: string, current: number): void =>
    view.show({ id: 'archive', status, progressDetail: { current } })
  let written = 0
  try {
    yield* counted(archive, (bytes) => show('Writing', (written = bytes)))
    show('Written', written)
  } finally {
    view.finish()
  }
}
