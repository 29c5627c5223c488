/** One call for each of several names, at once; what succeeded is printed, what failed reported, in their order. */
import type { Client } from './client.ts'
import { print } from './output.ts'
import { isFailure } from '../errors.ts'
import { reportError } from './report.ts'

/** As podman-rm(1), podman-rmi(1) and podman-pod-rm(1) have them, by the API's status: there is none; it is in use. */
export const REMOVAL_CODES: Readonly<Record<number, number>> = { 404: 1, 409: 2 }

/** Resolves to the exit code: that of the first failure, by `codes` where the API's status is in it. */
export const forEachName = async (
  client: Client,
  names: readonly string[],
  call: (name: string) => Promise<string | undefined | void>,
  codes: Readonly<Record<number, number>> = {},
): Promise<number> => {
  if (names.length > 1) await client.meet()
  const calls = names.map(async (name) => (await call(name)) ?? name)
  let code = 0
  for (const result of await Promise.allSettled(calls)) {
    if (result.status === 'fulfilled') {
      if (result.value !== '') print(result.value)
      continue
    }
    const { reason } = result as { reason: unknown }
    const reported = reportError(reason, false)
    const failed = (isFailure(reason) ? codes[reason.facts.status ?? 0] : undefined) ?? reported
    code = code === 0 ? failed : code
  }
  return code
}
