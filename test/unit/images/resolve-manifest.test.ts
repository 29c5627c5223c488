import { describe, expect, test } from 'vitest'
import { digestOf, type Digest } from '../../../images/digest.ts'
import type { Descriptor } from '../../../images/manifest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../../images/media-types.ts'
import { formatPlatform, parsePlatform } from '../../../images/platform.ts'
import { describeChoice, resolveManifest } from '../../../images/resolve-manifest.ts'
import type { ImageSource } from '../../../images/source.ts'

/** Documents that lead to each other; the last one that was put is the top. */
const collection = () => {
  const documents = new Map<Digest, Buffer>()
  const put = (document: object): Descriptor => {
    const bytes = Buffer.from(JSON.stringify(document))
    const digest = digestOf(bytes)
    documents.set(digest, bytes)
    return { mediaType: (document as { mediaType: string }).mediaType, digest, size: bytes.length }
  }
  const blob = { mediaType: OCI_LAYER_GZIP, digest: digestOf(Buffer.from('layer')), size: 5 }
  const manifest = (mark: string): Descriptor =>
    put({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { ...blob, mediaType: OCI_CONFIG },
      layers: [blob],
      annotations: { mark },
    })
  const index = (...manifests: object[]): Descriptor => put({ schemaVersion: 2, mediaType: OCI_INDEX, manifests })
  const source = (top: Descriptor): ImageSource => ({
    what: 'test',
    where: () => 'test',
    fetchManifest: (descriptor) => {
      const { digest, mediaType } = descriptor ?? top
      const bytes = documents.get(digest)
      return bytes === undefined
        ? Promise.reject(new Error(digest))
        : Promise.resolve({ bytes, digest, contentType: mediaType })
    },
    fetchBlob: () => Promise.reject(new Error('no blobs here')),
  })
  return { manifest, index, source, documents }
}

const on = (descriptor: Descriptor, platform: string) => ({ ...descriptor, platform: parsePlatform(platform) })
const resolve = (source: ImageSource, wanted: string) =>
  resolveManifest({ source, wanted: parsePlatform(wanted), read: () => Promise.resolve(undefined) })

describe('which manifest of an index', () => {
  const { manifest, index, source } = collection()
  const choose = async (wanted: string, ...offered: string[]): Promise<string | undefined> => {
    const manifests = offered.map((platform, at) =>
      platform === '' ? manifest(`${at}`) : on(manifest(`${at}`), platform),
    )
    const { descriptor } = await resolve(source(index(...manifests)), wanted)
    return offered[manifests.findIndex(({ digest }) => digest === descriptor.digest)]
  }

  test.each([
    ['linux/amd64', ['linux/arm64', 'linux/amd64'], 'linux/amd64'],
    ['linux/arm64', ['linux/amd64', 'linux/arm64/v8'], 'linux/arm64/v8'],
    ['linux/arm/v7', ['linux/arm/v5', 'linux/arm/v6'], 'linux/arm/v6'],
    ['linux/arm/v7', ['linux/arm/v6', 'linux/arm/v7'], 'linux/arm/v7'],
    ['linux/amd64', ['windows/amd64', 'linux/amd64'], 'linux/amd64'],
    ['linux/amd64', ['linux/amd64/v3', 'linux/386'], 'linux/386'],
    ['linux/amd64/v3', ['linux/amd64', 'linux/amd64/v2', 'linux/amd64/v4'], 'linux/amd64/v2'],
    ['linux/s390x', ['linux/amd64', ''], ''],
    ['linux/amd64', ['', 'linux/amd64'], 'linux/amd64'],
  ])('%s of %j is %j', async (wanted, offered, chosen) => expect(await choose(wanted, ...offered)).toBe(chosen))

  test('none fits: says which there are, without attestations', async () => {
    await expect(choose('linux/arm/v6', 'linux/arm/v7', 'linux/amd64', 'unknown/unknown')).rejects.toMatchObject({
      message: 'image is not made for linux/arm/v6',
      facts: { found: 'made for linux/arm/v7, linux/amd64', status: 404 },
    })
  })

  test('indexes in indexes are followed, the best fit of all is taken', async () => {
    const [v5, v7] = [manifest('v5'), manifest('v7')]
    const inner = index(on(v7, 'linux/arm/v7'), on(manifest('x'), 'linux/amd64'))
    const top = index(on(v5, 'linux/arm/v5'), index(inner))
    const { descriptor, source: named, offered } = await resolve(source(top), 'linux/arm/v7')
    expect(descriptor.digest).toBe(v7.digest)
    expect(named).toBe(top.digest)
    expect(describeChoice(parsePlatform('linux/arm/v7'), offered)).toBe(
      'linux/arm/v7 (of linux/arm/v5, linux/arm/v7, linux/amd64)',
    )
    expect(formatPlatform(parsePlatform('linux/arm64/v8'))).toBe('linux/arm64')
  })

  test('not without end', async () => {
    let at = index(on(manifest('x'), 'linux/s390x'))
    for (let depth = 0; depth < 6; depth++) at = index(at)
    await expect(resolve(source(at), 'linux/amd64')).rejects.toThrow('image index goes too deep')
    const many = Array.from({ length: 50 }, (_, n) => index(on(manifest(`${n}`), 'linux/s390x')))
    await expect(resolve(source(index(...many)), 'linux/amd64')).rejects.toThrow('image index goes too deep')
  })

  test('a manifest of another size or content than its index says', async () => {
    const { manifest, index, source, documents } = collection()
    const real = manifest('a')
    const longer = index(on({ ...real, size: real.size + 1 }, 'linux/amd64'))
    await expect(resolve(source(longer), 'linux/amd64')).rejects.toMatchObject({ facts: { id: 'registry.size' } })
    const top = index(on(real, 'linux/amd64'))
    documents.set(real.digest, Buffer.from(String(documents.get(real.digest)).replace('"a"', '"b"')))
    await expect(resolve(source(top), 'linux/amd64')).rejects.toMatchObject({ facts: { id: 'registry.digest' } })
    const huge = index(on({ ...real, size: 100_000_000 }, 'linux/amd64'))
    await expect(resolve(source(huge), 'linux/amd64')).rejects.toMatchObject({ facts: { id: 'registry.size' } })
  })
})
