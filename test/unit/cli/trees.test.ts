import { describe, expect, it } from 'vitest'
import { makePaint } from '../../../runtime/cli/colour.ts'
import { formatCgroups } from '../../../runtime/cli/verbs/cgroup.ts'

const plain = makePaint(false)

describe('cgroup', () => {
  const leaf = { path: '/g/web', name: 'web', kind: 'container', children: [] }
  const tree = {
    path: '/g',
    name: 'glasspod',
    kind: 'root',
    available: true,
    processes: [],
    facts: { 'cgroup.freeze': 0 },
    children: [
      {
        ...leaf,
        processes: [{ pid: 7, name: 'httpd' }],
        facts: { 'memory.current': 4_100_000, 'cpu.stat usage_usec': 1_500_000, 'pids.current': 1 },
      },
      { ...leaf, name: 'db', processes: [], facts: { 'cgroup.freeze': 1 } },
    ],
  }

  it('is a tree', () => {
    expect(formatCgroups(tree, plain)).toMatchInlineSnapshot(`
      "glasspod  root
      ├─ web  container  memory 3.91MiB, cpu 1.50s, pids 1
      │  └─ 7 httpd
      └─ db  container  frozen"
    `)
  })

  it('says why there is none', () => {
    expect(
      formatCgroups({ ...tree, available: false, reason: 'cgroup2 is mounted read-only', remedy: 'another' }, plain),
    ).toBe('no cgroups here: cgroup2 is mounted read-only\n try    another')
  })
})
