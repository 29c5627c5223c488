import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makePaint } from '../../../runtime/cli/colour.ts'
import { explainId, formatPairs } from '../../../runtime/cli/verbs/ids.ts'
import { formatNamespaces } from '../../../runtime/cli/verbs/inspect-namespaces.ts'
import { parseIdRanges, planIdRanges, toContainer, toHost } from '../../../runtime/see/host/id-map.ts'
import { listAncestors, parseLsns } from '../../../runtime/see/host/namespaces.ts'

const MAP = '         0       1002          1\n         1     165536      65535\n'
const users = parseIdRanges(MAP)

describe('an id map', () => {
  it('is read from proc, and foretold from subuid', () => {
    expect(users).toEqual([
      { inside: 0, outside: 1002, count: 1 },
      { inside: 1, outside: 165_536, count: 65_535 },
    ])
    expect(planIdRanges(1002, { start: 165_536, count: 65_536 })).toEqual(users)
    expect(planIdRanges(1002, undefined)).toEqual(users.slice(0, 1))
    expect(parseIdRanges('')).toEqual([])
  })

  it('has an answer both ways, or none', () => {
    expect([0, 1, 33, 65_535, 65_536].map((id) => toHost(id, users))).toEqual([
      1002,
      165_536,
      165_568,
      231_070,
      undefined,
    ])
    expect([1002, 165_568, 0, 1001].map((id) => toContainer(id, users))).toEqual([0, 33, undefined, undefined])
  })

  it('there and back is where it began', () => {
    fc.assert(
      fc.property(fc.nat(70_000), (id) => {
        const host = toHost(id, users)
        return host === undefined ? id > 65_535 : toContainer(host, users) === id
      }),
    )
  })

  it('a number is asked both ways', () => {
    const groups = planIdRanges(7, undefined)
    expect(formatPairs(explainId(33, { users, groups }))).toMatchInlineSnapshot(`
      "ID OF          KIND    CONTAINER      HOST
      container 33   user    33             165568
      container 33   group   33             none
      host 33        user    none (65534)   33
      host 33        group   none (65534)   33"
    `)
  })
})

describe('namespaces of a process', () => {
  const lsns = JSON.stringify({
    namespaces: [
      { ns: 4026531837, type: 'user', pns: 0, ons: 0 },
      { ns: 11, type: 'user', pns: 4026531837, ons: 4026531837 },
      { ns: 12, type: 'user', pns: 11, ons: 11 },
      { ns: 20, type: 'net', pns: null, ons: 11 },
    ],
  })

  it('have owners, and user namespaces parents, as far as the kernel tells', () => {
    const known = parseLsns(lsns)
    expect(known.get(20)).toEqual({ owner: 11 })
    expect(listAncestors(12, known)).toEqual([12, 11, 4026531837])
    expect(listAncestors(99, known)).toEqual([99])
    expect(parseLsns('')).toEqual(new Map())
  })

  it('in a table, with what differs', () => {
    const facts = {
      pid: 7,
      name: 'httpd',
      command: 'httpd -f \x1b[2J',
      namespaces: [
        {
          kind: 'user',
          inode: 11,
          owner: 4026531837,
          parent: 4026531837,
          members: [{ pid: 6, name: 'pause' }],
          differs: true,
        },
        { kind: 'mnt', inode: 30, members: [], differs: true },
        {
          kind: 'time',
          inode: 2,
          owner: 4026531837,
          members: [1, 2, 3].map((pid) => ({ pid, name: 'p' })),
          differs: false,
        },
      ],
      maps: { users, groups: [] },
      ancestors: [11, 4026531837],
      hidden: 1,
    }
    expect(formatNamespaces(facts, makePaint(false))).toMatchInlineSnapshot(`
      "process 7: httpd -f ?[2J

      NAMESPACE   INODE   OWNER        SHARED WITH
      user        11 *    4026531837   6 pause
      mnt         30 *    -            nobody else
      time        2       4026531837   1 p, 2 p, 3 p

      user namespaces, outwards: 11, 4026531837
      users:  0 is 1002 (1), 1 is 165536 (65535)
      groups: none: nobody is anybody

      *: not the one of who asks; OWNER: the user namespace whose root may change it
      not ours to see: 1 process"
    `)
    const many = [30, 31, 32, 33, 34].map((pid) => ({ pid, name: 'a-long-name' }))
    const long = {
      ...facts,
      command: 'x'.repeat(200),
      namespaces: [{ kind: 'mnt' as const, inode: 30, members: many, differs: false }],
    }
    // what reads a pipe has room
    expect(formatNamespaces(long, makePaint(false))).toContain('34 a-long-name')
    expect(formatNamespaces(long, makePaint(false))).toContain('x'.repeat(200))
    const [head = '', , , row = ''] = formatNamespaces(long, makePaint(false), 80).split('\n')
    expect([head.length, / and [1-4] more$/.test(row)]).toEqual([80, true])
  })
})
