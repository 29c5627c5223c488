/** `--filter KEY=VALUE`, as the API has it. */
import { badFlag } from './options.ts'

/** `status=exited` twice or more: {"status":["exited",...]}. */
export const parseFilters = (flags: readonly string[], known: readonly string[]): string | undefined => {
  const filters: Record<string, string[]> = {}
  for (const flag of flags) {
    const [key = '', ...value] = flag.split('=')
    if (!known.includes(key) || value.length === 0) {
      throw badFlag(`--filter takes ${known.map((name) => `${name}=`).join(', ')}, not "${flag}"`)
    }
    ;(filters[key] ??= []).push(value.join('='))
  }
  return flags.length === 0 ? undefined : JSON.stringify(filters)
}
