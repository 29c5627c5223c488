import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseTmpfs, parseVolume } from '../../../runtime/spec/volumes.ts'
import { refusal } from '../kernel/refusal.ts'

describe('a volume', () => {
  it.each([
    ['/srv:/data', '/srv', '/data', ['rbind']],
    ['/srv:/data:ro', '/srv', '/data', ['rbind', 'ro']],
    ['/srv:/data:ro,noexec', '/srv', '/data', ['rbind', 'ro', 'noexec']],
    ['/srv:/data:', '/srv', '/data', ['rbind']],
    ['/proc:/proc', '/proc', '/proc', ['rbind']],
    ['/a:/proc/uptime', '/a', '/proc/uptime', ['rbind']],
    ['/a:/process', '/a', '/process', ['rbind']],
    ['/s p:/d//./e/', '/s p', '/d/e', ['rbind']],
  ])('%s', (text, source, destination, options) =>
    expect(parseVolume(text)).toEqual({ destination, type: 'bind', source, options }),
  )

  it.each([
    ['/srv', "invalid volume '/srv'"],
    ['', "invalid volume ''"],
    [':/data', "invalid volume ':/data'"],
    ['/a:/b:ro:x', "invalid volume '/a:/b:ro:x'"],
    ['cache:/data', "volume 'cache' is a name, and named volumes are not supported"],
    ['/a:data', "invalid volume '/a:data': 'data' is not an absolute path in the container"],
    ['/a:', "invalid volume '/a:': '' is not an absolute path in the container"],
    ['/a:/', "invalid volume '/a:/': destination can't be '/'"],
    ['/a:/./', "invalid volume '/a:/./': destination can't be '/'"],
    ['/a:/b/../c', "invalid volume '/a:/b/../c': '..' in the destination"],
    ['/a:/b:z', "invalid volume '/a:/b:z': unknown option z"],
    ['/a:/b:rw,ro', "invalid volume '/a:/b:rw,ro': both ro and rw"],
    ['/a:/proc', '/proc cannot be mounted because it is not of type proc'],
    ['/a:/proc/./', '/proc cannot be mounted because it is not of type proc'],
    ['/a:/proc/self', '/proc/self cannot be mounted because it is inside /proc'],
    ['/a:/b:RO', "invalid volume '/a:/b:RO': unknown option RO"],
  ])('%j is refused', (text, message) => expect(refusal(() => parseVolume(text))).toBe(message))

  it('that is taken is clean, and its option is kept', () => {
    const text = fc.stringMatching(/^\/[a-z./]{0,8}:\/[a-z./]{0,12}(:(ro|nosuid)?)?$/)
    fc.assert(
      fc.property(text, (whole) => {
        let volume
        try {
          volume = parseVolume(whole)
        } catch {
          return
        }
        expect(volume.destination).toMatch(/^(\/(?!\.{0,2}(\/|$))[^/]+)+$/)
        expect(volume.options.includes('ro')).toBe(whole.endsWith(':ro'))
      }),
    )
  })
})

describe('a tmpfs', () => {
  it.each([
    ['', ['nosuid', 'nodev', 'noexec', 'mode=1777']],
    ['size=64m', ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=64m']],
    ['exec,mode=700', ['nosuid', 'nodev', 'exec', 'mode=700']],
    ['suid,dev,ro', ['noexec', 'mode=1777', 'suid', 'dev', 'ro']],
    ['noexec,size=50%,uid=33,gid=33', ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=50%', 'uid=33', 'gid=33']],
  ])('with %j', (text, options) =>
    expect(parseTmpfs('/run/', text)).toEqual({ destination: '/run', type: 'tmpfs', source: 'tmpfs', options }),
  )

  it.each(['size=', 'size=1x', 'mode=9', 'huge=always', 'size=1m size=2m', 'lowerdir=/'])(
    'option %j is refused',
    (option) => expect(refusal(() => parseTmpfs('/run', option))).toBe(`invalid tmpfs option ${option} for /run`),
  )

  it.each(['run', '/', '/a/../b', ''])('at %j is refused', (path) =>
    expect(refusal(() => parseTmpfs(path, ''))).toContain('invalid volume'),
  )

  // The kernel and config-mounts.ts know small letters only: RO would be no option at all.
  it.each(['RO', 'SIZE=1m'])('option %s means something, or is refused', (option) => {
    try {
      expect(parseTmpfs('/run', option).options).toContain(option.toLowerCase())
    } catch (error) {
      expect(String(error)).toContain('invalid tmpfs option')
    }
  })
})
