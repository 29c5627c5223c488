/**
 * The WWW-Authenticate header: a list of schemes, each with parameters (RFC 9110 section 11.6.1). Registries answer
 * 401 with `Bearer realm="...",service="...",scope="..."` (distribution's token specification). Pure.
 */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const PARAMETER = new RegExp(`^(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`)
const SCHEME = new RegExp(`^(${TOKEN})(?:\\s+|$|(?=,))`)

/** What cannot be read is left out: an unreadable challenge is one we cannot answer. */
export const parseChallenges = (header: string): readonly Challenge[] => {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = []
  let rest = header
  for (;;) {
    rest = rest.replace(/^[\s,]+/, '')
    const parameter = PARAMETER.exec(rest)
    const current = challenges.at(-1)
    if (parameter !== null && current !== undefined) {
      const [whole, name = '', quoted, plain = ''] = parameter
      current.parameters[name.toLowerCase()] = quoted?.replace(/\\(.)/g, '$1') ?? plain
      rest = rest.slice(whole.length)
      continue
    }
    const scheme = SCHEME.exec(rest)
    if (scheme === null) return challenges
    challenges.push({
      scheme: (scheme[1] ?? '').toLowerCase(),
      parameters: Object.create(null) as Record<string, string>,
    })
    rest = rest.slice(scheme[0].length)
  }
}
