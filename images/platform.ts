/**
 * Which of an index's manifests runs here: os, CPU architecture and its variant under Go's names, as
 * OCI image-spec image-index.md has them. Pure but for hostPlatform, which asks Node.
 */
import { Failure } from '../runtime/errors.ts'
import { optionalString, stringField, type Document } from './document.ts'
import type { Descriptor, ImageIndex } from './manifest.ts'
import { isManifestType } from './media-types.ts'

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

/** `linux/arm64`, `linux/arm/v7`. @throws Failure `image.platform`, status 400. */
export const parsePlatform = (text: string): Platform => {
  const [os, architecture, variant, ...rest] = text.split('/')
  if (!os || !architecture || variant === '' || rest.length > 0) {
    throw new Failure(`not a platform: ${JSON.stringify(text)}`, {
      id: 'image.platform',
      try: 'os/architecture or os/architecture/variant, as linux/arm64',
      status: 400,
    })
  }
  return { os, architecture, ...(variant !== undefined && { variant }) }
}

/** v8 of arm64 goes without saying. */
const variantOf = ({ architecture, variant }: Platform): string | undefined =>
  architecture === 'arm64' && variant === 'v8' ? undefined : variant

/** 0 is a perfect fit, more is worse, undefined does not run. An arm v7 also runs v6 and v5. */
const distance = (wanted: Platform, offered: Platform): number | undefined => {
  if (wanted.os !== offered.os || wanted.architecture !== offered.architecture) return undefined
  const [want, offer] = [variantOf(wanted), variantOf(offered)]
  if (want === offer) return 0
  if (offer === undefined || want === undefined) return 1
  const older = Number(want.slice(1)) - Number(offer.slice(1))
  return wanted.architecture === 'arm' && older > 0 ? 1 + older : undefined
}

/** Does an image made for `offered` run where `wanted` is asked for? */
export const isRunnable = (wanted: Platform, offered: Platform): boolean => distance(wanted, offered) !== undefined

/** The best manifest for a platform; of equals the first. @throws Failure `image.platform`, status 404. */
export const chooseManifest = (index: ImageIndex, wanted: Platform): Descriptor => {
  const manifests = index.manifests.filter(({ mediaType }) => isManifestType(mediaType))
  const [only] = manifests
  if (manifests.length === 1 && only !== undefined && only.platform === undefined) return only
  const [best] = manifests
    .flatMap((manifest) => {
      const far = manifest.platform === undefined ? undefined : distance(wanted, manifest.platform)
      return far === undefined ? [] : [{ manifest, far }]
    })
    .sort((a, b) => a.far - b.far)
  if (best !== undefined) return best.manifest
  throw notMadeFor(
    wanted,
    manifests.flatMap(({ platform }) => platform ?? []),
  )
}

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
