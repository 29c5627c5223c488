import { describe, expect, it } from 'vitest'
import { matchLink } from '../../../runtime/agent/graph.ts'
import type { Graph } from '../../../runtime/cli/api.ts'
import { makePaint } from '../../../runtime/cli/colour.ts'
import { makeDiagram, type Box } from '../../../runtime/cli/graph/diagram.ts'
import { formatDot } from '../../../runtime/cli/graph/dot.ts'
import { formatHtml } from '../../../runtime/cli/graph/html.ts'
import { formatMermaid } from '../../../runtime/cli/graph/mermaid.ts'
import { letterOf, numberShared, selectPods } from '../../../runtime/cli/graph/select.ts'
import { formatSvg, place, type Placed } from '../../../runtime/cli/graph/svg.ts'
import { formatText } from '../../../runtime/cli/graph/text.ts'
import { cutPage } from '../../../runtime/cli/redraw.ts'
import { formatCgroups } from '../../../runtime/cli/verbs/cgroup.ts'

const plain = makePaint(false)
const range = { inside: 0, outside: 1000, count: 1 }
const leaf = { path: '/g/shop', processes: [], children: [] }
const hostile = 'a"b<c>\x1b&'

const GRAPH: Graph = {
  namespaces: ['user', 'net'],
  rows: [
    { pod: '', name: 'agent', kind: 'agent', pid: 10, inodes: { user: 1, net: 2 } },
    { pod: 'shop', name: 'pause', kind: 'pause', pid: 11, inodes: { user: 1, net: 3 } },
    { pod: 'shop', name: hostile, kind: 'container', pid: 12, inodes: { user: 1, net: 3 } },
    { pod: 'other', name: 'pause', kind: 'pause', pid: 13, inodes: { net: 4 } },
  ],
  userNamespace: { inode: 1, users: [range, { inside: 1, outside: 100_000, count: 65_535 }], groups: [range] },
  parentUserNamespace: 9,
  cgroup: {
    ...leaf,
    path: '/g',
    name: 'node',
    kind: 'directory',
    available: true,
    facts: {},
    children: [
      { ...leaf, name: 'shop', kind: 'pod', facts: { 'memory.current': 1_048_576, 'memory.pressure some avg10': 2 } },
      { ...leaf, name: 'other', kind: 'pod', facts: {} },
    ],
  },
  network: {
    inode: 5,
    uplink: { program: 'slirp4netns', pid: 20, address: '10.0.2.100', dns: '10.0.2.3' },
    bridges: [{ name: 'glasspod0', addresses: ['10.88.0.1/16'] }],
    links: [
      {
        pod: 'shop',
        device: 'eth0',
        veth: 'veth1',
        bridge: 'glasspod0',
        addresses: ['10.88.0.2/16'],
        ports: [{ hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'tcp' }],
      },
    ],
  },
}

describe('the graph', () => {
  it('numbers only what two rows have, and letters do not end', () => {
    expect([...numberShared([5, 6, 5, 7, 6, undefined, undefined])]).toEqual([
      [5, 0],
      [6, 1],
    ])
    expect([0, 25, 26, 27].map(letterOf)).toEqual(['a', 'z', 'aa', 'bb'])
  })

  it('of some pods: theirs, and the node', () => {
    const { rows, cgroup, network } = selectPods(GRAPH, ['other'])
    expect(rows.map(({ name }) => name)).toEqual(['agent', 'pause'])
    expect(cgroup.children.map(({ name }) => name)).toEqual(['other'])
    expect(network.links).toEqual([])
    expect(() => selectPods(GRAPH, ['nobody'])).toThrow('no running pod is called nobody')
  })

  it('finds the cable of a pod by the numbers that its ends have of each other', () => {
    const pod = [
      { ifindex: 2, ifname: 'eth0', link_index: 7, addr_info: [{ family: 'inet', local: '10.88.0.2', prefixlen: 16 }] },
    ]
    const node = [
      { ifindex: 7, ifname: 'vethx', link_index: 3, master: 'other0' },
      { ifindex: 7, ifname: 'vetha', link_index: 2, master: 'glasspod0' },
    ]
    expect(matchLink('shop', pod, node)).toEqual({
      pod: 'shop',
      device: 'eth0',
      addresses: ['10.88.0.2/16'],
      veth: 'vetha',
      bridge: 'glasspod0',
    })
    expect(matchLink('shop', [], node)).toBeUndefined()
  })
})

describe('as text', () => {
  it('with the inodes where there is room', () => {
    expect(formatText(GRAPH, plain, undefined)).toMatchInlineSnapshot(`
      "POD     NAME       KIND        PID   USER   NET
      -       agent      agent       10    1 a    2
      shop    pause      pause       11    1 a    3 a
      shop    a"b<c>?&   container   12    1 a    3 a
      other   pause      pause       13    -      4

      a, b, ...: the same namespace in several rows; without a letter: its own

      ids  user namespace 1 in 9
        users:  0 is 1000, 1-65535 are 100000-165534
        groups: 0 is 1000

      network
        host -> 20 slirp4netns (10.0.2.100) -> tap0 of the node (net 5)
          -> glasspod0 (10.88.0.1/16)
            -> veth1 -> eth0 (10.88.0.2/16) of pod shop
              published: 127.0.0.1:8080 -> 80/tcp

      cgroups
        node  directory
        ├─ shop  pod  memory 1MiB, pressure memory 2%
        └─ other  pod"
    `)
  })

  it('with letters, and a list of them, where there is not', () => {
    const text = formatText(GRAPH, plain, 40)
    expect(text).toMatch(/^shop +pause +11 +a +a$/m)
    expect(text).toMatch(/^other +pause +13 +- +own$/m)
    expect(text).toMatch(/^net {4}a 3$/m)
  })

  it('fits into 80 columns and narrower, whatever the names and facts; without a terminal nothing is cut', () => {
    const long = 'name'.repeat(25)
    const facts = {
      'memory.current': 1_048_576,
      'memory.max': 2_097_152,
      'memory.peak': 1_500_000,
      'cpu.stat usage_usec': 1_120_000,
      'cpu.max': '50000 100000',
      'pids.current': 3,
      'pids.max': 20,
      'io.max': '8:0 rbps=max wbps=1048576 riops=max wiops=max\n8:16 rbps=max wbps=1048576 riops=max wiops=100',
      'cpu.pressure some avg10': '55.07',
      'memory.pressure some avg10': '0.00',
      'io.pressure some avg10': '12.00',
    }
    const child = { ...leaf, name: 'front', kind: 'container', facts, processes: [{ pid: 12, name: 'httpd' }] }
    const wide: Graph = {
      ...GRAPH,
      rows: [...GRAPH.rows, ...[21, 22, 31, 32, 41, 42].flatMap((pid) => [
        { pod: long, name: long, kind: 'container', pid, inodes: { user: 1, net: 4_026_532_000 + Math.floor(pid / 10) } },
      ])],
      userNamespace: { inode: 1, users: [1, 2, 3, 4, 5].map((inside) => ({ ...range, inside, outside: inside * 100_000, count: 9 })), groups: [range] },
      cgroup: { ...GRAPH.cgroup, facts, children: [{ ...leaf, name: long, kind: 'pod', facts, children: [child] }, child] },
      network: { ...GRAPH.network, links: GRAPH.network.links.map((link) => ({ ...link, pod: long })) },
    } // prettier-ignore
    for (const columns of [60, 80, 100])
      for (const line of formatText(wide, plain, columns).split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
    const words = (text: string) => text.split(/[\s│]+/).filter((word) => word !== '').sort() // prettier-ignore
    const cgroups = (columns?: number) => words(formatCgroups({ ...wide.cgroup, children: [child] }, plain, columns))
    expect(cgroups(60)).toEqual(cgroups())
    expect(formatText(wide, plain, undefined)).toContain(`of pod ${long}`)
    expect(formatCgroups(wide.cgroup, plain, 50)).toMatchInlineSnapshot(`
      "node  directory  memory 1MiB of 2MiB,
      │  peak 1.431MiB, cpu 1.12s of 0.5 CPUs,
      │  pids 3 of 20,
      │  io 8:0 rbps=max wbps=1048576 riops=max
      │  wiops=max; 8:16 rbps=max wbps=1048576 riops=max
      │  wiops=100, pressure cpu 55.07% memory 0% io 12%
      ├─ namenamenamenamenamenamenamenamenamenamen…  pod
      │  │  memory 1MiB of 2MiB, peak 1.431MiB,
      │  │  cpu 1.12s of 0.5 CPUs, pids 3 of 20,
      │  │  io 8:0 rbps=max wbps=1048576 riops=max
      │  │  wiops=max; 8:16 rbps=max wbps=1048576
      │  │  riops=max wiops=100,
      │  │  pressure cpu 55.07% memory 0% io 12%
      │  └─ front  container  memory 1MiB of 2MiB,
      │     │  peak 1.431MiB, cpu 1.12s of 0.5 CPUs,
      │     │  pids 3 of 20,
      │     │  io 8:0 rbps=max wbps=1048576 riops=max
      │     │  wiops=max; 8:16 rbps=max wbps=1048576
      │     │  riops=max wiops=100,
      │     │  pressure cpu 55.07% memory 0% io 12%
      │     └─ 12 httpd
      └─ front  container  memory 1MiB of 2MiB,
         │  peak 1.431MiB, cpu 1.12s of 0.5 CPUs,
         │  pids 3 of 20,
         │  io 8:0 rbps=max wbps=1048576 riops=max
         │  wiops=max; 8:16 rbps=max wbps=1048576
         │  riops=max wiops=100,
         │  pressure cpu 55.07% memory 0% io 12%
         └─ 12 httpd"
    `)
  })

  it('keeps the colours of letters whole where names are cut', () => {
    const rows = GRAPH.rows.map((row) => ({ ...row, pod: row.pod.repeat(20) }))
    // eslint-disable-next-line no-control-regex -- the sequences of colour.ts
    expect(formatText({ ...GRAPH, rows }, makePaint(true), 60).replaceAll(/\x1b\[\d+m/g, '')).not.toContain('\x1b')
  })

  it('gives each shared namespace its colour', () => {
    expect(formatText(GRAPH, makePaint(true), undefined)).toContain('\x1b[36m3 a\x1b[0m')
  })

  it('without an uplink, network or cgroup, says why', () => {
    const bare = {
      ...GRAPH,
      network: { bridges: [], links: [] },
      cgroup: { ...GRAPH.cgroup, available: false, reason: 'ro' },
    }
    expect(formatText(bare, plain, undefined)).toMatch(/no pod has asked for a network yet[^]*no cgroups here: ro/)
    const cut = { ...GRAPH, network: { ...GRAPH.network, uplink: undefined, missing: 'no tun' } } as unknown as Graph
    expect(formatText(cut, plain, undefined)).toMatch(/no uplink: no tun\n +-> glasspod0/)
  })
})

describe('watched', () => {
  it('has as many lines as the terminal has rows, and says how many there are more', () => {
    expect(cutPage('1\n2\n3', 3, 80)).toEqual(['1', '2', '3'])
    expect(cutPage('1\n2\n3\n4', 3, 80)).toEqual(['1', '2', '… 2 more lines'])
  })

  it('of a page with lines that the terminal breaks: each takes the rows that it needs, colours none', () => {
    const wide = `\x1b[36m${'w'.repeat(81)}\x1b[0m`
    expect(cutPage(`1\n${wide}`, 3, 80)).toEqual(['1', wide])
    expect(cutPage(`1\n${wide}\n4`, 3, 80)).toEqual(['1', '… 2 more lines'])
    expect(cutPage(`${'x'.repeat(80)}\n2\n3`, 3, 80)).toHaveLength(3)
    expect(cutPage('y'.repeat(300), 3, 80)).toEqual(['… 1 more line'])
  })
})

describe('drawn', () => {
  const diagram = makeDiagram(GRAPH)

  it('with arrows that run through no box but those that they lead to and from', () => {
    const pods = ['one', 'two', 'three', 'four', 'five']
    const [link] = GRAPH.network.links
    const many: Graph = {
      ...GRAPH,
      rows: pods.flatMap((pod, index) =>
        [1, 2, 3, 4, 5].map((n) => ({ pod, name: `c${n}`, kind: 'container', pid: index * 10 + n, inodes: {} })),
      ),
      network: { ...GRAPH.network, links: link === undefined ? [] : pods.map((pod) => ({ ...link, pod })) },
    }
    const { root, arrows } = makeDiagram(many)
    const boxes = (placed: Placed): Placed[] => [placed, ...placed.children.flatMap(boxes)]
    const small = boxes(place(root, 1, 1)).filter(({ box: { kind } }) => kind === 'pod' || kind === 'process')
    const paths = [...formatSvg({ root, arrows }).matchAll(/<path d="M([^"]*)" class="arrow"/g)].map(([, path = '']) =>
      [...path.matchAll(/(-?[\d.]+) (-?[\d.]+)(?= ?[LQ]|$)/g)].map(([, x, y]) => [Number(x), Number(y)] as const),
    )
    expect(paths).toHaveLength(6)
    for (const points of paths)
      for (const [index, [x, y]] of points.entries()) {
        const [lastX, lastY] = points[Math.max(0, index - 1)] ?? [x, y]
        const [left, right] = [Math.min(x, lastX), Math.max(x, lastX)]
        const [top, bottom] = [Math.min(y, lastY), Math.max(y, lastY)]
        for (const box of small) {
          const apart = right <= box.x || left >= box.x + box.width || bottom <= box.y || top >= box.y + box.height
          expect(apart).toBe(true)
        }
      }
  })

  it('as Mermaid and dot: the same boxes and arrows, nothing of a name gets out of its quotes', () => {
    const mermaid = formatMermaid(diagram)
    expect(mermaid).toContain('bridge0 -->|"veth1 - eth0"| pod0')
    expect(mermaid).toContain(
      'p12["a#34;b#60;c#62;?#38; (container)<br/>pid 12<br/>user#nbsp;#nbsp; 1 a<br/>net#nbsp;#nbsp;#nbsp;#nbsp;3 a"]',
    )
    expect(mermaid.match(/^ *subgraph/gm)).toHaveLength(mermaid.match(/^ *end$/gm)?.length ?? 0)
    const dot = formatDot(diagram)
    expect(dot).toContain('"p12" [label="a\\"b<c>?&amp; (container)\\lpid 12\\l')
    expect(dot).toContain('"bridge0" -> "p11" [label="veth1 - eth0", lhead="cluster-pod0"];')
    expect(dot.match(/{/g)).toHaveLength(dot.match(/}/g)?.length ?? 0)
  })

  it('as Mermaid and dot: pods in rows, and a title of one line over what is in a box', () => {
    const rows = ['one', 'two', 'three'].map((pod, index) => ({
      ...{ pod, name: 'pause', kind: 'pause', pid: index + 20, inodes: {} },
    }))
    const three = makeDiagram({ ...GRAPH, rows })
    const mermaid = formatMermaid(three)
    expect(mermaid.match(/^.* ~~~ .*$/gm)).toEqual(['  pod0 ~~~ pod2'])
    expect(mermaid).toMatch(/^ *subgraph node\["user namespace of the node"\]\n *node-facts\["user[^"]*<br\/>users/m)
    expect(mermaid).toContain('subgraph host["host, user 9"]')
    expect(mermaid.match(/^ *subgraph .*<br/m)).toBeNull()
    const dot = formatDot(three)
    expect(dot).toContain('  "p20" -> "p22" [style=invis];')
    expect(dot).toContain('  "p22" -> "cgroup" [style=invis];')
  })

  it('as SVG: boxes lie in their boxes and beside each other, and names are escaped', () => {
    const check = ({ x, y, width, height, children }: Placed): void => {
      for (const child of children) {
        expect(child.x).toBeGreaterThanOrEqual(x)
        expect(child.y).toBeGreaterThanOrEqual(y)
        expect(child.x + child.width).toBeLessThanOrEqual(x + width)
        expect(child.y + child.height).toBeLessThanOrEqual(y + height)
        for (const other of children)
          if (other !== child)
            expect(
              other.x >= child.x + child.width ||
                child.x >= other.x + other.width ||
                other.y >= child.y + child.height ||
                child.y >= other.y + other.height,
            ).toBe(true)
        check(child)
      }
    }
    check(place(diagram.root))
    const count = (box: Box): number => 1 + box.rows.flat().reduce((sum, child) => sum + count(child), 0)
    const svg = formatSvg(diagram)
    expect(svg.match(/<rect /g)).toHaveLength(count(diagram.root))
    expect(svg).toContain('a&quot;b&lt;c&gt;?&amp; (container)')
    expect(svg).not.toContain('<c>')
  })

  it('as a page, with when it was looked at', () => {
    expect(formatHtml(GRAPH, new Date(0))).toContain('<p>1970-01-01 00:00:00 UTC. ')
  })
})
