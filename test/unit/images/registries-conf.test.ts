import fc from 'fast-check'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { formatReference, parseReference } from '../../../images/reference.ts'
import { EMPTY_CONF, parseRegistriesConf, placesOf } from '../../../images/registry/registries-conf.ts'
import { readRegistriesConf } from '../../../images/registry/read-registries-conf.ts'
import { expandName } from '../../../images/registry/short-names.ts'
import { parseToml, TomlError } from '../../../images/registry/toml.ts'
import { inDirectory } from '../../fixtures/tar-directory.ts'

describe('TOML', () => {
  test('what configuration files of containers use', () => {
    const text = `# a comment
title = "a \\"quoted\\" \\u00e9" # and one more
'literal key' = 'C:\\path'
list = [ "a", # first
  "b",
]
count = 1_000
on = true
dotted.key = 1
inline = { a = "x", b.c = false }

[table]
x = 1
[[item]]
name = "one"
[[item.part]]
n = 1
[[item.part]]
n = 2
[[item]]
name = "two"
`
    expect(JSON.parse(JSON.stringify(parseToml(text)))).toEqual({
      title: 'a "quoted" é',
      'literal key': 'C:\\path',
      list: ['a', 'b'],
      count: 1000,
      on: true,
      dotted: { key: 1 },
      inline: { a: 'x', b: { c: false } },
      table: { x: 1 },
      item: [{ name: 'one', part: [{ n: 1 }, { n: 2 }] }, { name: 'two' }],
    })
  })

  test.each([
    ['a = 1\na = 2', 'line 2: a is set twice'],
    ['a = 1 b = 2', 'line 1: there is more on the line'],
    ['a = ', 'line 1: a value is missing'],
    ['a = 1.5', 'line 1: a value is missing, or of a kind that is not read here'],
    ['a = """x"""', 'line 1: strings over several lines are not read'],
    ['[a]\n[a]', 'line 2: table a is there twice'],
    ['a = 1\n[a]', 'line 2: a is not a table'],
    ['a = "\\q"', 'line 1: \\q is no escape'],
    ['[[a]\n', 'line 1: "]]" is missing'],
    ['= 1', 'line 1: a key is missing'],
  ])('%j is refused: %s', (text, problem) => expect(() => parseToml(text)).toThrow(problem))

  test('any text is a table or an error with its line, and no prototype is touched', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[\][{}a-z_="'.,#\n\\ 0-9]{0,60}$/)), (text) => {
        try {
          parseToml(text)
        } catch (error) {
          if (!(error instanceof TomlError)) throw error
        }
      }),
      { numRuns: 2000 },
    )
    expect(Object.keys(parseToml('__proto__.polluted = true'))).toEqual(['__proto__'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

const CONF = `
unqualified-search-registries = ["quay.io", "docker.io"]

[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "localhost:5000"
[[registry.mirror]]
location = "mirror.example.com/hub"
insecure = true
pull-from-mirror = "digest-only"

[[registry]]
prefix = "docker.io/secret"
blocked = true

[[registry]]
prefix = "*.example.org"
location = "proxy.example.net:8443/org"

[[registry]]
location = "in.house:5000"
insecure = true

[aliases]
"tool" = "ghcr.io/acme/tool"
`
const conf = parseRegistriesConf(CONF, 'registries.conf')
const DIGEST = `sha256:${'a'.repeat(64)}`

describe('registries.conf', () => {
  const places = (text: string): string[] =>
    placesOf(conf, parseReference(text)).map(
      ({ host, repository, insecure, isMirror }) =>
        `${host} ${repository}${insecure ? ' insecure' : ''}${isMirror ? ' mirror' : ''}`,
    )

  test.each([
    ['busybox', ['localhost:5000 library/busybox mirror', 'docker.io library/busybox']],
    [
      `docker.io/a/b@${DIGEST}`,
      ['localhost:5000 a/b mirror', 'mirror.example.com hub/a/b insecure mirror', 'docker.io a/b'],
    ],
    ['quay.io/a/b', ['quay.io a/b']],
    ['in.house:5000/x', ['in.house:5000 x insecure']],
    ['docker.iox/x', ['docker.iox x']],
    ['eu.example.org/x/y', ['proxy.example.net:8443 org/x/y']],
    ['example.org/x', ['example.org x']],
    ['docker.io/secrets/x', ['localhost:5000 secrets/x mirror', 'docker.io secrets/x']],
  ])('%s is at %j', (text, expected) => expect(places(text)).toEqual(expected))

  test('a blocked prefix is refused by name', () => {
    expect(() => places('secret/x')).toThrow('registry docker.io/secret is blocked')
  })

  test('short names: aliases, then the listed registries, else Docker Hub', () => {
    const meant = (text: string, from = conf) => expandName(text, from).map(formatReference)
    expect(meant('tool:2')).toEqual(['ghcr.io/acme/tool:2'])
    expect(meant('busybox')).toEqual(['quay.io/busybox:latest', 'docker.io/library/busybox:latest'])
    expect(meant('user/app@' + DIGEST)).toEqual([`quay.io/user/app@${DIGEST}`, `docker.io/user/app@${DIGEST}`])
    expect(meant('localhost/x')).toEqual(['localhost/x:latest'])
    expect(meant('busybox', EMPTY_CONF)).toEqual(['docker.io/library/busybox:latest'])
  })

  test.each([
    ['x = ', 'registries.conf: line 1: a value is missing'],
    ['[registries.search]\nregistries = []', 'version 1 of this file'],
    ['[[registry]]\nblocked = "yes"\nprefix = "a.io"', 'blocked is not true or false'],
    ['[[registry]]\nprefix = "a.io/../b c"', 'is not the place of a registry'],
    ['[[registry]]\ninsecure = true', 'has no prefix and no location'],
    ['unqualified-search-registries = "docker.io"', 'is not a list'],
    [
      '[[registry]]\nprefix="a.io"\n[[registry.mirror]]\nlocation="b.io"\npull-from-mirror="never"',
      'pull-from-mirror is',
    ],
  ])('%j is refused', (text, problem) => expect(() => parseRegistriesConf(text, 'registries.conf')).toThrow(problem))

  test('drop-ins replace what they name; a file named by the environment stands alone', () =>
    inDirectory(async (path) => {
      const home = join(path, 'containers')
      await mkdir(join(home, 'registries.conf.d'), { recursive: true })
      await writeFile(join(home, 'registries.conf'), CONF)
      await writeFile(
        join(home, 'registries.conf.d/10-x.conf'),
        'unqualified-search-registries = ["a.io"]\n[[registry]]\nprefix = "docker.io"\nblocked = true\n[aliases]\n"x" = "b.io/x"\n',
      )
      const read = await readRegistriesConf({ env: { XDG_CONFIG_HOME: path } })
      expect(read.searchRegistries).toEqual(['a.io'])
      expect(read.aliases).toMatchObject({ tool: 'ghcr.io/acme/tool', x: 'b.io/x' })
      expect(() => placesOf(read, parseReference('busybox'))).toThrow('registry docker.io is blocked')
      await writeFile(join(path, 'own.conf'), 'unqualified-search-registries = ["c.io"]')
      const own = await readRegistriesConf({
        env: { XDG_CONFIG_HOME: path, CONTAINERS_REGISTRIES_CONF: join(path, 'own.conf') },
      })
      expect(own).toMatchObject({ searchRegistries: ['c.io'], rules: [] })
    }))
})
