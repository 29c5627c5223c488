import { describe, expect, it } from 'vitest'
import { findMount, parseMountinfo } from '../../../runtime/kernel/mountinfo.ts'

const mounts = parseMountinfo(
  [
    '24 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    '25 24 0:22 / /mnt/a\\040b ro,nosuid - tmpfs none rw,size=4k',
    '26 24 0:23 /sub /srv rw - nfs server:/x ro',
    '27 24 0:24 / /srv/data rw master:2 propagate_from:1 - tmpfs none rw',
    '28 24 0:25 / /srv/data ro - tmpfs none rw',
    '',
  ].join('\n'),
)
const at = (path: string) => findMount(mounts, path)

describe('mountinfo', () => {
  it.each([
    ['/etc', '/', false],
    ['/mnt/a b', '/mnt/a b', true],
    ['/mnt/a b/c', '/mnt/a b', true],
    ['/mnt/a bc', '/', false],
    ['/srv/x', '/srv', true],
    ['/srv/data', '/srv/data', true],
  ])('%s lies on %s', (path, mountPoint, isReadonly) => expect(at(path)).toMatchObject({ mountPoint, isReadonly }))

  it('tells what of a filesystem is mounted, and of which type', () =>
    expect(at('/srv')).toMatchObject({ mountPoint: '/srv', root: '/sub', type: 'nfs', isReadonly: true }))
})
