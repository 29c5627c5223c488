import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFailure } from '../../../runtime/errors.ts'
import { parseDigest } from '../../../images/digest.ts'
import { parseImageConfig } from '../../../images/image-config.ts'
import { toImage } from '../../../images/store/image-list.ts'
import { parseManifest } from '../../../images/manifest.ts'
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_LIST,
  DOCKER_MANIFEST,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../../images/media-types.ts'
import { formatPlatform, parsePlatform, runnablePlatforms } from '../../../images/platform.ts'

const DIGEST = parseDigest(`sha256:${'0'.repeat(64)}`)
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const described = (mediaType: string, digest: string = DIGEST) => ({ mediaType, digest, size: 2 })
const docker = {
  schemaVersion: 2,
  mediaType: DOCKER_MANIFEST,
  config: described(DOCKER_CONFIG),
  layers: [described(DOCKER_LAYER_GZIP)],
}

describe('parseManifest', () => {
  test('Docker schema 2 and OCI, by the document or by the Content-Type', () => {
    expect(parseManifest(bytesOf(docker), '')).toMatchObject({
      kind: 'manifest',
      layers: [{ digest: DIGEST, size: 2 }],
    })
    const { mediaType: _type, ...bare } = docker
    expect(parseManifest(bytesOf(bare), `${OCI_MANIFEST}; charset=utf-8`).kind).toBe('manifest')
    expect(parseManifest(bytesOf({ schemaVersion: 2, manifests: [] }), OCI_INDEX).kind).toBe('index')
    expect(parseManifest(bytesOf({ schemaVersion: 2, mediaType: DOCKER_LIST, manifests: [] }), '').kind).toBe('index')
  })

  test.each([
    ['not JSON', Buffer.from('<html>'), 'image.document', 'image manifest: is not JSON'],
    ['schema 1', bytesOf({ schemaVersion: 1, fsLayers: [] }), 'image.schema1', 'no longer supported'],
    ['both lists (CVE-2021-41190)', bytesOf({ ...docker, manifests: [] }), 'image.document', 'has both'],
    [
      'a bad digest',
      bytesOf({ ...docker, config: described(DOCKER_CONFIG, 'sha256:../..') }),
      'image.document',
      'config of image manifest: digest is not a digest',
    ],
    [
      'a negative size',
      bytesOf({ ...docker, config: { ...described(DOCKER_CONFIG), size: -1 } }),
      'image.document',
      'size is not a size',
    ],
    [
      'a chart',
      bytesOf({ ...docker, config: described('application/vnd.cncf.helm.config.v1+json') }),
      'image.kind',
      'not a container image',
    ],
    [
      'a layer of another kind',
      bytesOf({ ...docker, layers: [described('application/vnd.oci.image.layer.v1.tar+xz')] }),
      'image.layer-type',
      'tar+xz',
    ],
    [
      'a foreign layer of OCI',
      bytesOf({ ...docker, layers: [described('application/vnd.oci.image.layer.nondistributable.v1.tar+gzip')] }),
      'image.layer-type',
      'is a foreign one',
    ],
    [
      'a foreign layer of Docker',
      bytesOf({ ...docker, layers: [described('application/vnd.docker.image.rootfs.foreign.diff.tar.gzip')] }),
      'image.layer-type',
      'is a foreign one',
    ],
    ['a web page', bytesOf({ schemaVersion: 2, mediaType: 'text/html' }), 'image.document', 'unknown type text/html'],
  ])('refuses %s', (_, bytes, id, sentence) => {
    expect(() => parseManifest(bytes, '')).toThrow(
      expect.objectContaining({
        message: expect.stringContaining(sentence) as unknown,
        facts: expect.objectContaining({ id }) as unknown,
      }) as unknown,
    )
  })

  test('any JSON is a manifest or a Failure', () => {
    const near = fc.record(
      {
        schemaVersion: fc.constantFrom(1, 2, '2'),
        config: fc.jsonValue(),
        layers: fc.jsonValue(),
        manifests: fc.jsonValue(),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), near), (value) => {
        for (const parse of [
          () => parseManifest(bytesOf(value), OCI_MANIFEST),
          () => parseImageConfig(bytesOf(value)),
        ]) {
          try {
            parse()
          } catch (error) {
            if (!isFailure(error)) throw error
          }
        }
      }),
    )
  })
})

describe('image config', () => {
  const config = {
    os: 'linux',
    architecture: 'arm64',
    variant: 'v8',
    created: '2024-01-01T00:00:00Z',
    config: {
      Env: ['A=b'],
      Entrypoint: null,
      Cmd: ['sh'],
      User: 'www:33',
      WorkingDir: '/w',
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      Volumes: { '/v': {} },
      StopSignal: 'SIGINT',
    },
    rootfs: { type: 'layers', diff_ids: [DIGEST] },
  }

  test('is read whole', () => {
    expect(parseImageConfig(bytesOf(config))).toEqual({
      platform: { os: 'linux', architecture: 'arm64', variant: 'v8' },
      created: '2024-01-01T00:00:00Z',
      diffIds: [DIGEST],
      env: ['A=b'],
      entrypoint: [],
      cmd: ['sh'],
      user: 'www:33',
      workingDir: '/w',
      labels: { a: 'b' },
      exposedPorts: ['80/tcp'],
      volumes: ['/v'],
      stopSignal: 'SIGINT',
    })
  })

  test('must have a DiffID for each layer', () => {
    const configBytes = bytesOf({ ...config, rootfs: { diff_ids: [DIGEST, DIGEST] } })
    expect(() =>
      toImage({ digest: DIGEST, mediaType: DOCKER_MANIFEST }, { bytes: bytesOf(docker), configBytes }),
    ).toThrow('image config: names 2 layers, its manifest 1')
  })

  test('a wrong type is named', () => {
    expect(() => parseImageConfig(bytesOf({ ...config, config: { Env: 'A=b' } }))).toThrow(
      'config of image config: Env is not a list',
    )
  })
})

describe('platforms', () => {
  test.each([
    ['linux/amd64', 'linux/amd64 linux/386'],
    ['linux/amd64/v1', 'linux/amd64 linux/386'],
    ['linux/x86_64/v3', 'linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386'],
    ['amd64', 'linux/amd64 linux/386'],
    ['linux/arm/v6', 'linux/arm/v6 linux/arm/v5'],
    ['linux/arm', 'linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/armel', 'linux/arm/v6 linux/arm/v5'],
    ['linux/aarch64', 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/arm64/v8', 'linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/arm64/v8.1', 'linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5'],
    ['linux/riscv64', 'linux/riscv64'],
    ['windows/amd64', 'windows/amd64 windows/386'],
  ])('%s runs what is made for %s', (wanted, runs) =>
    expect(runnablePlatforms(parsePlatform(wanted)).map(formatPlatform).join(' ')).toBe(runs),
  )

  test.each(['linux', 'linux/', '/amd64', 'a/b/c/d', 'a/b/', '', 'linux/am d64'])('%j is no platform', (text) => {
    expect(() => parsePlatform(text)).toThrow(`not a platform: ${JSON.stringify(text)}`)
  })
})
