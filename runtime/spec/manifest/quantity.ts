/** Quantities as Kubernetes writes them: `500m`, `64Mi`, `1.5G`, `1e3` (kubernetes.io/docs: Quantity). */
import { readText, type Node, type Problems } from './node.ts'

const SUFFIXES: Readonly<Record<string, readonly [base: bigint, power: number]>> = {
  ...{ n: [10n, -9], u: [10n, -6], m: [10n, -3], '': [10n, 0] },
  ...{ k: [10n, 3], M: [10n, 6], G: [10n, 9], T: [10n, 12], P: [10n, 15], E: [10n, 18] },
  ...{ Ki: [2n, 10], Mi: [2n, 20], Gi: [2n, 30], Ti: [2n, 40], Pi: [2n, 50], Ei: [2n, 60] },
}

/**
 * In units of 1/`parts`, rounded up as Kubernetes does; undefined where it is no quantity, or none that a number holds.
 * `parts`: 1 for bytes, 1000000000 for billionths of a processor.
 */
export const parseQuantity = (text: string, parts = 1): number | undefined => {
  const [, whole = '', fraction = '', exponent, suffix = ''] =
    /^(\d{1,18})(?:\.(\d{0,18}))?(?:[eE]([+-]?\d{1,2})|([a-zA-Z]{1,2}))?$/.exec(text) ?? []
  const unit = Object.hasOwn(SUFFIXES, suffix) ? SUFFIXES[suffix] : undefined
  if (whole === '' || unit === undefined) return undefined
  const [base, power] = exponent === undefined ? unit : [10n, Number(exponent)]
  const digits = BigInt(whole + fraction) * BigInt(parts)
  const over = digits * (power > 0 ? base ** BigInt(power) : 1n)
  const under = 10n ** BigInt(fraction.length) * (power < 0 ? base ** BigInt(-power) : 1n)
  const value = Number((over + under - 1n) / under)
  return Number.isSafeInteger(value) ? value : undefined
}

/** A quantity in a manifest; what YAML reads as a number is one too. `advice`: what to write instead. */
export const readQuantity =
  (parts: number, advice: string) =>
  (node: Node, problems: Problems): number | undefined => {
    const text = node.kind === 'scalar' && typeof node.value === 'number' ? `${node.value}` : readText(node, problems)
    if (text === undefined) return undefined
    return parseQuantity(text, parts) ?? problems.add(node, `'${text}' is no quantity: ${advice}`)
  }
