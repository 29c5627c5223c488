/** One call for each of several names, at once; what succeeded is printed, what failed reported, in their order. */
import type { Client } from './client.ts'
import { print } from './output.ts'
import { reportError } from './report.ts'

/** Resolves to the exit code: that of the first failure. */
export const forEachName = async (
  client: Client,
  names: readonly string[],
  call: (name: string) => Promise<string | undefined | void>,
): Promise<number> => {
  if (names.length > 1) await client.meet()
  const calls = names.map(async (name) => (await call(name)) ?? name)
  let code = 0
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === 'fulfilled') {
      if (result.value !== '') print(result.value)
      continue
    }
    const failed = reportError(result.reason, false)
    code = code === 0 ? failed : code
  }
  return code
}
