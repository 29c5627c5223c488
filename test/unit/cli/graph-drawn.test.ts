/** The drawn formats with names that nobody should have: each stays inside its quotes, and a page asks nobody for anything. */
import { describe, expect, it } from 'vitest'
import type { CgroupNode, Graph } from '../../../runtime/cli/api.ts'
import { makeDiagram } from '../../../runtime/cli/graph/diagram.ts'
import { formatDot } from '../../../runtime/cli/graph/dot.ts'
import { formatHtml } from '../../../runtime/cli/graph/html.ts'
import { formatMermaid } from '../../../runtime/cli/graph/mermaid.ts'
import { THEMES, formatSvg } from '../../../runtime/cli/graph/svg.ts'

const HOSTILE = [
  '</script><script>alert(1)</script>',
  '</pre><img src=http://example.org/x onerror=alert(1)>',
  '</text></svg><iframe src="//example.org">',
  'a"]; end; b["c" -->|"d"| e',
  'a"; "b" [label="c\\',
  'two\nlines\r\x1b[31m\x00',
  '#quot;&quot;&amp;`**bold**`',
  '--> <!-- ]]> } {',
  "url(http://example.org/) @import 'x';",
]

const range = { inside: 0, outside: 1000, count: 1 }

const cgroup = (name: string, children: CgroupNode[]): CgroupNode => ({
  path: '/g',
  name,
  kind: 'pod',
  processes: HOSTILE.map((comm, index) => ({ pid: index + 1, name: comm })),
  facts: { 'memory.current': 1, 'io.max': name },
  children,
})

/** A pod for each name, on a bridge of that name, with a container of that name. */
const graph: Graph = {
  namespaces: ['user', 'net'],
  rows: HOSTILE.flatMap((name, index) => [
    { pod: name, name: 'pause', kind: 'pause', pid: 100 + index, inodes: { user: 1, net: 200 + index } },
    { pod: name, name, kind: 'container', pid: 300 + index, inodes: { user: 1, net: 200 + index } },
  ]),
  userNamespace: { inode: 1, users: [range], groups: [range] },
  cgroup: { ...cgroup('node', HOSTILE.map((name) => cgroup(name, []))), available: true }, // prettier-ignore
  network: {
    inode: 5,
    uplink: { program: HOSTILE[0] ?? '', pid: 20, address: '10.0.2.100', dns: '10.0.2.3' },
    bridges: HOSTILE.map((name) => ({ name, addresses: [name] })),
    links: HOSTILE.map((name) => ({ pod: name, device: name, veth: name, bridge: name, addresses: [], ports: [] })),
  },
}
const diagram = makeDiagram(graph)

/** Tags with their attributes, as a browser finds them; styles and texts apart. */
const readTags = (page: string) =>
  [...page.matchAll(/<(\/?[a-zA-Z!][^\s>/]*)([^>]*)>/g)].map(([, name = '', rest = '']) => ({
    name: name.replace('/', ''),
    attributes: [...rest.matchAll(/([^\s="/]+)(?:="([^"]*)")?/g)].map(([, key = '', value = '']) => ({ key, value })),
  }))

const TAGS = 'html meta title style h1 p figure svg defs marker path g rect text details summary pre'.split(' ')
const ATTRIBUTES =
  'lang charset http-equiv content name xmlns width height viewBox role aria-label id refX refY markerWidth markerHeight orient d class x y rx marker-end'.split(
    ' ',
  )
/** What can make a browser ask for something, or run it. */
const ASKS = /url\(|@import|image-set|javascript:|expression\(/i

describe('a page of hostile names', () => {
  const page = formatHtml(graph, new Date(0))
  const tags = readTags(page)

  it('has only tags and attributes of ours: none loads, links, sends or runs', () => {
    const names = new Set(tags.map(({ name }) => name))
    names.delete('!doctype')
    expect([...names].sort()).toEqual([...TAGS].sort())
    const attributes = new Set(tags.flatMap((tag) => tag.attributes.map(({ key }) => key)))
    attributes.delete('html')
    expect([...attributes].filter((key) => !ATTRIBUTES.includes(key))).toEqual([])
  })

  it('has no address of another place, in attributes and in styles', () => {
    const values = tags.flatMap((tag) => tag.attributes.map(({ value }) => value))
    const styles = [...page.matchAll(/<style>([^<]*)<\/style>/g)].map(([, style = '']) => style)
    expect(styles).toHaveLength(2)
    const asking = [...values, ...styles].filter((text) => ASKS.test(text) || /\/\//.test(text))
    expect([...new Set(asking)]).toEqual(['http://www.w3.org/2000/svg', 'url(#tip)'])
  })

  it('forbids by its policy what it does not do', () => {
    expect(tags.find(({ attributes }) => attributes.some(({ key }) => key === 'http-equiv'))?.attributes).toEqual([
      { key: 'http-equiv', value: 'content-security-policy' },
      { key: 'content', value: "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'" },
    ])
    // before anything that it is about
    expect(page.indexOf('http-equiv')).toBeLessThan(page.indexOf('<style>'))
  })

  it('shows the names as they are, also in its text', () => {
    expect(page.split('&lt;/script&gt;&lt;script&gt;alert(1)').length).toBeGreaterThan(3)
    expect(page).toMatch(/<pre>[^<]*5 &lt;\/|<pre>[^<]*1 &lt;\/script/)
  })
})

describe('hostile names', () => {
  it('in Mermaid: each line is a box, an end or an arrow, and ids are words', () => {
    const lines = formatMermaid(diagram).split('\n').slice(3)
    const shapes = [
      /^ *(subgraph )?[a-z]+\d*(-facts)?\["[^"<>`]*(<br\/>[^"<>`]*)*"\]$/,
      /^ {2}pod\d+ ~~~ pod\d+$/,
      /^ *end$/,
      /^ {2}[a-z]+\d* -->\|"[^"<>`]*"\| [a-z]+\d*$/,
    ]
    expect(lines.filter((line) => !shapes.some((shape) => shape.test(line)))).toEqual([])
    expect(lines.filter((line) => line.includes('-->|'))).toHaveLength(1 + HOSTILE.length)
    // a number sign is the beginning of a code, and of nothing else
    expect(lines.join('').replaceAll(/#(?:\d+|nbsp);/g, '')).not.toMatch(/[#&]/)
  })

  it('in dot: outside of quotes there is nothing of them', () => {
    const bare = formatDot(diagram).replaceAll(/"(?:[^"\\]|\\[\\"l])*"/g, 'Q')
    expect(bare).not.toMatch(/["\\]|alert|example|import/)
    const drawn = bare.split('\n').filter((line) => !line.endsWith(' [style=invis];'))
    expect(drawn.join('\n').match(/->/g)).toHaveLength(1 + HOSTILE.length)
  })

  it('in SVG: no tag and no end of one', () => {
    const tags = readTags(formatSvg(diagram)).map(({ name }) => name)
    expect([...new Set(tags)].sort()).toEqual(['defs', 'g', 'marker', 'path', 'rect', 'style', 'svg', 'text'])
  })

  it('that differ by a dot and a dash are two pods in every format', () => {
    const names = ['a-b', 'a.b', 'a_b']
    const rows = names.map((pod, index) => ({ pod, name: 'pause', kind: 'pause', pid: index + 1, inodes: {} }))
    const three = formatMermaid(makeDiagram({ ...graph, rows, network: { bridges: [], links: [] } }))
    expect(three.match(/subgraph pod\d/g)).toEqual(['subgraph pod0', 'subgraph pod1', 'subgraph pod2'])
  })
})

/** https://www.w3.org/TR/WCAG22/#dfn-relative-luminance */
const luminance = (colour: string): number => {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

const contrast = (one: string, other: string): number => {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}

describe('colours', () => {
  it.each(Object.entries(THEMES))('of the %s theme can be read: 4.5 to 1, and lines seen: 1.5', (_, theme) => {
    for (const fill of Object.values(theme.fills)) {
      expect(contrast(theme.text, fill)).toBeGreaterThan(4.5)
      expect(contrast(theme.line, fill)).toBeGreaterThan(1.5)
      expect(contrast(theme.arrow, fill)).toBeGreaterThan(4.5)
    }
    for (const colour of theme.shared) expect(contrast(colour, theme.fills.process)).toBeGreaterThan(4.5)
  })

  it('are those of the dark theme where the reader prefers it', () => {
    const [light = '', dark = ''] = formatSvg(diagram).split('@media (prefers-color-scheme:dark)')
    for (const fill of Object.values(THEMES.light.fills)) expect(light).toContain(`{fill:${fill}}`)
    for (const fill of Object.values(THEMES.dark.fills)) expect(dark).toContain(`{fill:${fill}}`)
    expect(THEMES.dark.shared).toHaveLength(THEMES.light.shared.length)
  })
})
