/**
 * JSON with 64-bit integers. Seccomp arguments and resource limits are uint64 in the OCI runtime-spec, and
 * RLIM_INFINITY is 18446744073709551615: JSON.parse would round it to a number that no longer fits. Integers that a
 * number holds exactly stay numbers; the rest are bigints, both ways.
 */
const TAG = '\u0000uint64:'

/** Strings whole, so that digits inside them are left alone; numbers with fraction or exponent never match the second. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** JSON.parse, but integers beyond 2^53 come back as bigints. Throws SyntaxError as JSON.parse does. */
export const parseJson = (text: string): unknown => {
  if (!/\d{16}/.test(text)) return JSON.parse(text)
  const tagged = text.replace(TOKEN, (token) =>
    /^-?\d{16,}$/.test(token) && !Number.isSafeInteger(Number(token)) ? JSON.stringify(TAG + token) : token,
  )
  return JSON.parse(tagged, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(TAG) ? BigInt(value.slice(TAG.length)) : value,
  )
}

/** JSON.stringify, but a bigint is written as the integer that it is. `indent`: spaces, none by default. */
export const stringifyJson = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_key, inner: unknown) => (typeof inner === 'bigint' ? TAG + String(inner) : inner), indent)
    // The tag is a control character, which JSON.stringify always writes as \u0000.
    .replace(/"\\u0000uint64:(-?\d+)"/g, '$1')
