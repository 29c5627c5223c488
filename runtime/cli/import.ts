/** A tar of a root directory on its way to become an image. */
import type { PullEvent } from './api.ts'
import { formatQuery, type Client, type Query } from './client.ts'
import { followTransfer } from './transfer.ts'

export interface Import {
  /** Of POST /images/create, as docker has it. */
  query: Query
  /** Instructions of a Dockerfile. */
  changes: readonly string[]
  quiet: boolean
}

/** Resolves to the id. */
export const importArchive = async (
  client: Client,
  archive: AsyncIterable<Uint8Array>,
  { query, changes, quiet }: Import,
): Promise<string> => {
  const said = changes.map((text) => `&changes=${encodeURIComponent(text)}`).join('')
  const path = `/images/create${formatQuery({ fromSrc: '-', ...query })}${said}`
  let id = ''
  await followTransfer(client.upload<PullEvent>(path, archive), { quiet, take: ({ aux }) => (id = aux?.ID ?? id) })
  return id
}
