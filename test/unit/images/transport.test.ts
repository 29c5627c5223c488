import { describe, expect, it } from 'vitest'
import { formOf, parseTransport } from '../../../images/transport.ts'

describe('a transport', () => {
  it.each([
    ['busybox', { transport: 'docker', name: 'busybox' }],
    ['docker://busybox:1', { transport: 'docker', name: 'busybox:1' }],
    ['localhost:5000/dir:1', { transport: 'docker', name: 'localhost:5000/dir:1' }],
    ['docker-daemon:busybox:1', { transport: 'docker-daemon', name: 'busybox:1' }],
    ['docker-archive:a.tar', { transport: 'docker-archive', path: 'a.tar' }],
    [
      'docker-archive:/x/a.tar:host:5000/b:1',
      { transport: 'docker-archive', path: '/x/a.tar', reference: 'host:5000/b:1' },
    ],
    ['docker-archive:a.tar:@2', { transport: 'docker-archive', path: 'a.tar', reference: '@2' }],
    ['oci:./o', { transport: 'oci', path: './o' }],
    ['oci:./o:1.0', { transport: 'oci', path: './o', reference: '1.0' }],
    ['oci:./o:@0', { transport: 'oci', path: './o', reference: '@0' }],
    ['oci-archive:a.tar:docker.io/x/y:1', { transport: 'oci-archive', path: 'a.tar', reference: 'docker.io/x/y:1' }],
    ['dir:/x:y', { transport: 'dir', path: '/x:y' }],
  ])('%s', (text, transport) => expect(parseTransport(text)).toEqual(transport))

  it.each([
    ['docker://', 'the name is missing'],
    ['docker-daemon:', 'the name is missing'],
    ['oci:', 'the path is missing'],
    ['dir:', 'the path is missing'],
    ['oci-archive::x', 'the path is missing'],
    ['oci:o:', 'after the colon comes the name'],
    ['oci:o:-x', '-x is no name in a layout'],
    ['oci:o:a b', 'a b is no name in a layout'],
    ['oci:o:@x', '@x is no name in a layout'],
  ])('%s: %s', (text, why) => {
    expect(() => parseTransport(text)).toThrow(
      expect.objectContaining({
        facts: expect.objectContaining({ why: expect.stringContaining(why) as string }) as object,
      }),
    )
  })

  it('a layout has one form, in a directory and in a tar', () =>
    expect(
      (['oci', 'oci-archive', 'dir', 'docker-archive'] as const).map((transport) => formOf({ transport })),
    ).toEqual(['oci-archive', 'oci-archive', 'dir', 'docker-archive']))
})
