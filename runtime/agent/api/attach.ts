/** A container's standard streams on a client's connection: where in the log it begins, and what its headers tell. */
import type { Agent } from '../agent.ts'
import { attach } from '../attach.ts'
import type { Container } from '../containers.ts'
import type { RawStream } from '../hijack.ts'
import { monitorFiles } from '../monitored.ts'
import { formatPosition, parseResumption, POSITION_HEADER, type Resumption } from '../resume.ts'
import { isTrue } from './query.ts'

/** Tells a client on this machine where it may write the container's input itself: that survives the agent. */
const INPUT_HEADER = 'glasspod-input'

export interface Attachment {
  container: Container
  query: URLSearchParams
  from: number
  resumption: Resumption | undefined
  headers: Record<string, string>
}

export const planAttachment = (agent: Agent, id: string, query: URLSearchParams): Attachment => {
  const container = agent.containers.find(id)
  const { record, directory } = container
  const resumption = parseResumption(query)
  const begin = isTrue(query.get('logs')) ? record.logStart : agent.logEnd(container)
  const from = resumption?.position.offset ?? begin
  return {
    ...{ container, query, from, resumption },
    headers: {
      [POSITION_HEADER]: formatPosition({ offset: from, cut: 0 }),
      ...(record.body.OpenStdin === true ? { [INPUT_HEADER]: monitorFiles(directory).stdin } : {}),
    },
  }
}

export const attachContainer = ({ container, query, from, resumption }: Attachment, stream: RawStream): void => {
  const { record } = container
  const started = new Promise<void>((resolve) => {
    if (container.isRunning) resolve()
    else container.events.once('start', resolve)
  })
  stream.open()
  const end = attach(
    container,
    stream,
    {
      stdin: isTrue(query.get('stdin')) && record.body.OpenStdin === true,
      stdout: isTrue(query.get('stdout')),
      stderr: isTrue(query.get('stderr')),
      from,
      received: resumption?.received,
      closeInput: record.body.StdinOnce === true && record.body.Tty !== true,
    },
    started,
  )
  // Attached to what has ended: say what there is, and end.
  if (['exited', 'restarting'].includes(record.status) && (isTrue(query.get('logs')) || resumption !== undefined)) end()
}
