/**
 * What an image is made for: os, CPU architecture and its variant under Go's names, as OCI image-spec image-index.md
 * has them, and what runs where. Pure but for hostPlatform, which asks Node.
 */
import { Failure } from '../runtime/errors.ts'
import { optionalString, stringField, type Document } from './document.ts'

export interface Platform {
  readonly os: string
  /** `amd64`, `arm64`, `arm`, ... */
  readonly architecture: string
  /** `v8` of arm64, `v6` and `v7` of arm. */
  readonly variant?: string
}

const GO_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' }

export const hostPlatform = (): Platform => ({
  os: 'linux',
  architecture: GO_ARCHITECTURES[process.arch] ?? process.arch,
  ...(process.arch === 'arm' && { variant: 'v7' }),
})

export const toPlatform = (document: Document): Platform => {
  const variant = optionalString(document, 'variant')
  return {
    os: stringField(document, 'os'),
    architecture: stringField(document, 'architecture'),
    ...(variant !== undefined && variant !== '' && { variant }),
  }
}

export const formatPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === undefined ? [] : [variant])].join('/')

/** Names that machines and builders use for the same architecture (containerd's platforms, `normalizeArch`). */
const ALIASES: ReadonlyMap<string, readonly [architecture: string, variant?: string]> = new Map([
  ['i386', ['386']],
  ['x86_64', ['amd64']],
  ['x86-64', ['amd64']],
  ['aarch64', ['arm64']],
  ['armhf', ['arm', 'v7']],
  ['armel', ['arm', 'v6']],
])
const ARCHITECTURES = /^(?:386|amd64|arm|arm64|loong64|mips|mips64|mips64le|mipsle|ppc64|ppc64le|riscv64|s390x|wasm)$/
/** The variant that goes without saying. */
const PLAIN_VARIANTS: ReadonlyMap<string, string> = new Map([
  ['amd64', 'v1'],
  ['arm64', 'v8'],
])

/** One spelling for one platform: x86_64 is amd64, arm is arm/v7, arm64/v8 is arm64, `7` is v7. */
export const normalizePlatform = ({ os, architecture, variant = '' }: Platform): Platform => {
  const name = architecture.toLowerCase()
  const [known, implied = ''] = ALIASES.get(name) ?? [name]
  const typed = variant.toLowerCase() || implied
  const version = /^\d/.test(typed) ? `v${typed}` : typed
  const named = version === PLAIN_VARIANTS.get(known) ? '' : known === 'arm' && version === '' ? 'v7' : version
  return { os: os.toLowerCase(), architecture: known, ...(named !== '' && { variant: named }) }
}

/** `linux/arm64`, `linux/arm/v7`, or only the architecture. @throws Failure `image.platform`, status 400. */
export const parsePlatform = (text: string): Platform => {
  const [first = '', architecture, variant, ...rest] = text.split('/')
  const alone = normalizePlatform({ os: 'linux', architecture: first })
  if (architecture === undefined && ARCHITECTURES.test(alone.architecture)) return alone
  if (!text.split('/').every((part) => /^[\w.-]+$/.test(part)) || architecture === undefined || rest.length > 0) {
    throw new Failure(`not a platform: ${JSON.stringify(text)}`, {
      id: 'image.platform',
      try: 'os/architecture or os/architecture/variant, as linux/arm64',
      status: 400,
    })
  }
  return normalizePlatform({ os: first, architecture, ...(variant !== undefined && { variant }) })
}

/** Version 5 of arm is the oldest that images are made for. */
const OLDEST_ARM = 5

/** `v9.2` of arm64 also runs what is made for 9.1 and 9.0, and for 8.x of the same age (8.0 is plain arm64). */
const olderArm64 = (variant: string): readonly string[] => {
  const [, major = '8', minor = '0'] = /^v(\d+)(?:\.(\d+))?$/.exec(variant) ?? []
  const below = (of: number, highest: number): string[] =>
    Array.from({ length: highest + 1 }, (_, at) => highest - at).map((minor) =>
      minor === 0 ? `v${of}` : `v${of}.${minor}`,
    )
  if (major === '9') return [...below(9, Number(minor)), ...below(8, Math.min(Number(minor) + 5, 9))].slice(1)
  return below(8, Number(minor)).slice(1)
}

/**
 * What runs where `wanted` is asked for, the best first, by containerd's rules (its platforms package, `Only`): older
 * variants of the same architecture, then the 32-bit one that such a processor may also run.
 */
export const runnablePlatforms = (platform: Platform): readonly Platform[] => {
  const wanted = normalizePlatform(platform)
  const { os, architecture, variant = '' } = wanted
  const of = (name: string, variants: readonly string[]): Platform[] =>
    variants.map((one) => normalizePlatform({ os, architecture: name, variant: one }))
  const version = Number(variant.slice(1))
  const down = (from: number, to: number): string[] =>
    Array.from({ length: Math.max(0, from - to + 1) }, (_, at) => `v${from - at}`)
  if (architecture === 'amd64') return [wanted, ...of('amd64', down(version - 1, 1)), ...of('386', [''])]
  if (architecture === 'arm') return [wanted, ...of('arm', down(version - 1, OLDEST_ARM))]
  if (architecture === 'arm64')
    return [wanted, ...of('arm64', olderArm64(variant || 'v8')), ...of('arm', down(8, OLDEST_ARM))]
  return [wanted]
}

/** 0 is a perfect fit, more is worse, undefined does not run. */
export const distanceTo = (wanted: Platform, offered: Platform): number | undefined => {
  const name = formatPlatform(normalizePlatform(offered))
  const at = runnablePlatforms(wanted).findIndex((platform) => formatPlatform(platform) === name)
  return at === -1 ? undefined : at
}

/** Does an image made for `offered` run where `wanted` is asked for? */
export const isRunnable = (wanted: Platform, offered: Platform): boolean => distanceTo(wanted, offered) !== undefined

/** Attestations sit in an index as unknown/unknown; they are no choice for anyone. */
export const notMadeFor = (wanted: Platform, offered: readonly Platform[]): Failure => {
  const offers = new Set(offered.filter(({ os }) => os !== 'unknown').map(formatPlatform))
  return new Failure(`image is not made for ${formatPlatform(wanted)}`, {
    id: 'image.platform',
    found: offers.size === 0 ? 'no platforms at all' : `made for ${[...offers].join(', ')}`,
    try: offers.size === 0 ? undefined : '--platform with one of these',
    status: 404,
  })
}
