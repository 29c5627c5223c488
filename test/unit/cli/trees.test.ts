import { describe, expect, it } from 'vitest'
import { makePaint } from '../../../runtime/cli/colour.ts'
import { formatSteps } from '../../../runtime/cli/explained.ts'
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
    expect(formatCgroups({ ...tree, available: false, reason: 'cgroup2 is mounted read-only' }, plain)).toBe(
      'no cgroups here: cgroup2 is mounted read-only',
    )
  })
})

describe('explain', () => {
  it('gives why, what, and how to see it', () => {
    expect(
      formatSteps(
        [
          {
            id: 'pod.namespaces',
            why: 'The pod has its own network, host name and System V objects; its containers join them, so a container can restart and keep its address.',
            man: 'unshare(1)',
            see: 'lsns -p $PAUSE_PID',
            undo: 'kill $PAUSE_PID',
            text: 'unshare --net --uts pause',
            inside: [
              { id: 'pause.wait', why: 'It waits.', man: 'rt_sigtimedwait(2)', text: 'rt_sigtimedwait([TERM INT])' },
            ],
          },
          { id: 'net.batch', why: 'One batch.', man: 'ip(8)', text: 'ip -batch -\nlink add a\x1b\nlink set a up' },
        ],
        plain,
      ),
    ).toMatchInlineSnapshot(`
      "1. pod.namespaces  unshare(1)
          The pod has its own network, host name and System V objects; its containers
          join them, so a container can restart and keep its address.
          $ unshare --net --uts pause
          see  lsns -p $PAUSE_PID
          undo kill $PAUSE_PID
          1.1. pause.wait  rt_sigtimedwait(2)
              It waits.
              $ rt_sigtimedwait([TERM INT])

      2. net.batch  ip(8)
          One batch.
          $ ip -batch -
            link add a?
            link set a up"
    `)
  })
})
