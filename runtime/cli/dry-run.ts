/** `--dry-run=sh` of run and create: the plan as a script, and nothing is made. */
import type { Client } from './client.ts'
import { withImage, type Pulling } from './create.ts'
import type { makeCreateRequest } from './create-body.ts'
import { print } from './output.ts'
import { quoteWord } from '../spec/shell-words.ts'

export const printScript = async (
  client: Client,
  pulling: Pulling,
  { query, body }: ReturnType<typeof makeCreateRequest>,
): Promise<void> => {
  const words = process.argv
    .slice(2)
    .filter((word, index, all) => !word.startsWith('--dry-run') && !(word === 'sh' && all[index - 1] === '--dry-run'))
  const { script } = await withImage(client, pulling, () =>
    client.post<{ script: string }>('/glasspod/shell', {
      query: { ...query, command: words.map(quoteWord).join(' ') },
      body,
    }),
  )
  print(script.replace(/\n$/, ''))
}
