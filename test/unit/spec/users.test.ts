import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseGroup, parsePasswd, resolveUser } from '../../../runtime/spec/users.ts'
import { refusal } from '../kernel/refusal.ts'

const passwd = `root:x:0:0:root:/root:/bin/sh
# a comment
daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
app:x:1000:1000:App:/home/app:/bin/sh
1000:x:2000:2000::/odd:/bin/sh
nohome:x:3000:3000:::
broken:x:abc:1::/:/bin/sh
short
big:x:4294967295:0::/:/bin/sh
+nis::::::
`
const group = `root:x:0:
wheel:x:10:root,app
app:x:1000:
docker:x:998: app , daemon
broken:x:y:app
500:x:501:app
`
const as = (user?: string, groupAdd?: string[]) => resolveUser({ user, groupAdd, passwd, group })

describe('as Docker resolves', () => {
  test.each([
    [undefined, { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root', name: 'root' }],
    ['', { uid: 0, gid: 0, additionalGids: [0, 10], home: '/root', name: 'root' }],
    ['app', { uid: 1000, gid: 1000, additionalGids: [1000, 10, 998, 501], home: '/home/app', name: 'app' }],
    ['1000', { uid: 1000, gid: 1000, additionalGids: [1000, 10, 998, 501], home: '/home/app', name: 'app' }],
    ['app:wheel', { uid: 1000, gid: 10, additionalGids: [10], home: '/home/app', name: 'app' }],
    ['app:500', { uid: 1000, gid: 500, additionalGids: [500], home: '/home/app', name: 'app' }],
    ['app:', { uid: 1000, gid: 1000, additionalGids: [1000, 10, 998, 501], home: '/home/app', name: 'app' }],
    [':wheel', { uid: 0, gid: 10, additionalGids: [10], home: '/root', name: 'root' }],
    ['4242', { uid: 4242, gid: 0, additionalGids: [0], home: '/' }],
    ['4242:77', { uid: 4242, gid: 77, additionalGids: [77], home: '/' }],
    ['2147483647', { uid: 2147483647, gid: 0, additionalGids: [0], home: '/' }],
    ['nohome', { uid: 3000, gid: 3000, additionalGids: [3000], home: '/', name: 'nohome' }],
  ])('-u %s', (user, expected) => {
    expect(as(user)).toEqual(expected)
  })

  test('an image without either file', () => {
    expect(resolveUser({})).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: '/' })
  })

  test('--group-add takes names and numbers, each once', () => {
    expect(as('app:wheel', ['docker', '7', '10']).additionalGids).toEqual([10, 998, 7])
  })
})

describe('refused, in the words users look for', () => {
  test.each([
    ['nosuch', 'unable to find user nosuch: no matching entries in passwd file'],
    ['broken', 'unable to find user broken: no matching entries in passwd file'],
    ['big', 'unable to find user big: no matching entries in passwd file'],
    ['+nis', 'unable to find user +nis: no matching entries in passwd file'],
    ['app:nosuch', 'unable to find group nosuch: no matching entries in group file'],
    ['-1', 'uids and gids must be in range 0-2147483647, got -1'],
    ['2147483648', 'uids and gids must be in range 0-2147483647, got 2147483648'],
    ['0:99999999999', 'uids and gids must be in range 0-2147483647, got 99999999999'],
    ['a:b:c', "invalid user 'a:b:c'"],
  ])('-u %s', (user, message) => {
    expect(refusal(() => as(user))).toBe(message)
  })

  test('--group-add nosuch', () => {
    expect(() => as('app', ['nosuch'])).toThrow('unable to find group nosuch: no matching entries in group file')
  })

  test('a file of unreasonable size', () => {
    expect(() => parsePasswd('x'.repeat(5_000_000))).toThrow(
      '/etc/passwd of the image has 5000000 characters, more than 4194304',
    )
  })
})

test('whatever the lines are, what is read is well formed', () => {
  const part = fc.oneof(fc.constantFrom('', '0', '1000', '-1', '99999999999', 'root', 'a,b', ' '), fc.string())
  const text = fc.array(fc.array(part, { maxLength: 9 }).map((parts) => parts.join(':'))).map((all) => all.join('\n'))
  fc.assert(
    fc.property(text, (lines) => {
      for (const { name, uid, gid } of parsePasswd(lines)) {
        expect(name).not.toBe('')
        for (const id of [uid, gid]) expect(Number.isInteger(id) && id >= 0 && id < 2 ** 31).toBe(true)
      }
      for (const { name, gid } of parseGroup(lines)) expect(name !== '' && gid >= 0 && gid < 2 ** 31).toBe(true)
    }),
  )
})
