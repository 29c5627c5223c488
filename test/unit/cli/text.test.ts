import { describe, expect, it } from 'vitest'
import { Failure } from '../../../runtime/errors.ts'
import { isColourful, makePaint } from '../../../runtime/cli/colour.ts'
import { describeValue } from '../../../runtime/cli/describe.ts'
import { formatVerbHelp } from '../../../runtime/cli/help.ts'
import { formatAge, formatDuration, formatSize } from '../../../runtime/cli/human.ts'
import { VERBS, formatHelp } from '../../../runtime/cli/main.ts'
import { parseMoment } from '../../../runtime/cli/moment.ts'
import { wrapRemedy } from '../../../runtime/cli/remedy.ts'
import { formatError, wrapLine } from '../../../runtime/cli/report.ts'
import { fitTable, formatTable, printable } from '../../../runtime/cli/table.ts'
import { formatImages } from '../../../runtime/cli/verbs/images.ts'
import { parseFilters } from '../../../runtime/cli/filters.ts'
import { formatContainers } from '../../../runtime/cli/verbs/ps.ts'

const NOW = 1_700_000_000_000
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length))

describe('help', () => {
  it('of the program fits 80 columns and names every verb', () => {
    expect(widest(formatHelp())).toBeLessThanOrEqual(80)
    for (const { name } of VERBS) expect(formatHelp()).toContain(`  ${name} `)
  })

  it.each(VERBS)('of $name fits 80 columns, with an example of itself', async (entry) => {
    const { verb } = await entry.load()
    const help = formatVerbHelp(entry, verb)
    expect(widest(help)).toBeLessThanOrEqual(80)
    expect(help).toMatch(new RegExp(`^usage: glasspod ${entry.name} `))
    expect(verb.example).toMatch(new RegExp(`^glasspod ${entry.name}\\b`))
    for (const name of Object.keys(verb.options)) expect(help).toContain(`--${name}`)
  })

  it('reads like this', async () => {
    const entry = VERBS.find(({ name }) => name === 'logs')
    expect(entry && formatVerbHelp(entry, (await entry.load()).verb)).toMatchInlineSnapshot(`
      "usage: glasspod logs [OPTIONS] CONTAINER

      Show what a container has written.

      options:
        -f, --follow             go on as more is written
        -h, --help               show this help
            --since TIME         from this moment, or from so long ago (10m)
        -n, --tail N             the last N lines, or all
        -t, --timestamps         with the time of each line
            --until TIME         up to this moment, or so long ago

      example:
        glasspod logs -f --tail 10 web

      exit codes:
        0                        done
        125                      glasspod could not do it
      "
    `)
  })

  it('has no two flags of one letter', async () => {
    for (const { name, load } of VERBS) {
      const letters = Object.values((await load()).verb.options).flatMap(({ short }) => short ?? [])
      expect(new Set(letters).size, name).toBe(letters.length)
    }
  })
})

describe('tables', () => {
  it('align their columns, whatever colours do', () => {
    const paint = makePaint(true)
    const table = formatTable(['NAME', 'X'], [[paint(31, 'red'), '1'], ['longer', '2'], ['s']])
    expect(table.replaceAll('\x1b', '^')).toMatchInlineSnapshot(`
      "NAME     X
      ^[31mred^[0m      1
      longer   2
      s"
    `)
  })

  it('pass no control character of a name on', () => {
    expect(printable('a\x1b[31mb\nc\x9bd')).toBe('a?[31mb\\nc?d')
  })

  it('list containers as docker does', () => {
    const container = {
      Id: `4f4fb700ef54${'0'.repeat(52)}`,
      Names: ['/web'],
      Image: 'busybox',
      Command: 'sh -c "sleep 100; echo done"',
      Created: NOW / 1000 - 135,
      State: 'running',
      Status: 'Up 2 minutes',
      Ports: [
        { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
        { PrivatePort: 53, Type: 'udp' },
      ],
    }
    expect(formatContainers([container], false, NOW)).toMatchInlineSnapshot(`
      "CONTAINER ID   IMAGE     COMMAND                  CREATED         STATUS         PORTS                          NAMES
      4f4fb700ef54   busybox   "sh -c "sleep 100; e…"   2 minutes ago   Up 2 minutes   0.0.0.0:8080->80/tcp, 53/udp   web"
    `)
    expect(formatContainers([], false, NOW)).toMatchInlineSnapshot(
      `"CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS   PORTS   NAMES"`,
    )
  })

  it('list images, one row a tag', () => {
    const image = { Id: 'sha256:0123456789abcdef', Digest: 'sha256:77', Created: NOW / 1000 - 86400, Size: 4_100_000 }
    expect(
      formatImages(
        [
          { ...image, RepoTags: ['localhost:5000/a/b:1', 'busybox:latest'] },
          { ...image, RepoTags: null, RepoDigests: ['x/y@sha256:00'] },
          { ...image, RepoTags: [] },
        ],
        { full: false, nowMs: NOW },
      ),
    ).toMatchInlineSnapshot(`
      "REPOSITORY           TAG      IMAGE ID       CREATED     SIZE
      localhost:5000/a/b   1        0123456789ab   1 day ago   4.1MB
      busybox              latest   0123456789ab   1 day ago   4.1MB
      x/y                  <none>   0123456789ab   1 day ago   4.1MB
      <none>               <none>   0123456789ab   1 day ago   4.1MB"
    `)
    const digests = formatImages([{ ...image, RepoTags: ['a:1'] }], { full: false, digests: true, nowMs: NOW })
    expect(digests).toMatchInlineSnapshot(`
      "REPOSITORY   TAG   DIGEST      IMAGE ID       CREATED     SIZE
      a            1     sha256:77   0123456789ab   1 day ago   4.1MB"
    `)
  })

  it('are filtered by known keys only', () => {
    expect(
      parseFilters(['status=exited', 'label=a=b', 'status=created'], ['name', 'status', 'label', 'id', 'pod']),
    ).toBe('{"status":["exited","created"],"label":["a=b"]}')
    expect(parseFilters([], ['name', 'status', 'label', 'id', 'pod'])).toBeUndefined()
    expect(() => parseFilters(['colour=red'], ['name', 'status', 'label', 'id', 'pod'])).toThrow('not "colour=red"')
    expect(() => parseFilters(['status'], ['name', 'status', 'label', 'id', 'pod'])).toThrow('not "status"')
  })
})

describe('sizes and times', () => {
  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1kB'],
    [4_100_000, '4.1MB'],
    [99_960, '100kB'],
    [999_999, '1MB'],
    [1_234_000_000, '1.2GB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatSize(bytes)).toBe(text))

  it.each([
    [0.4, 'less than a second'],
    [1, '1 second'],
    [59.9, '59 seconds'],
    [135, '2 minutes'],
    [3600, '1 hour'],
    [86400 * 13, '1 week'],
    [86400 * 400, '1 year'],
  ])('%d seconds are %s', (seconds, text) => expect(formatDuration(seconds)).toBe(text))

  it('ages come from seconds and from RFC 3339', () => {
    expect(formatAge(NOW / 1000 - 120, NOW)).toBe('2 minutes ago')
    expect(formatAge(new Date(NOW - 120_000).toISOString(), NOW)).toBe('2 minutes ago')
    expect(formatAge('never', NOW)).toBe('')
  })

  it('moments are numbers, dates, or so long ago', () => {
    const parse = (text: string) => parseMoment('--since', text, NOW)
    expect(parse('1700000000.123456789')).toBe('1700000000.123456789')
    expect(parse('10m')).toBe('1699999400.000')
    expect(parse('1h30m')).toBe('1699994600.000')
    expect(parse('1.5s')).toBe('1699999998.500')
    expect(parse('2023-11-14T22:13:20Z')).toBe('1700000000.000000000')
    expect(parse('2023-11-14T22:13:20.123456789+00:00')).toBe('1700000000.123456789')
    for (const text of ['yesterday', '-5m', '10 minutes', '2023-13-99', '']) {
      expect(() => parse(text), text).toThrow(`--since "${text}" is no moment`)
    }
  })
})

describe('errors', () => {
  const failure = new Failure('mount proc at /proc: EPERM', {
    id: 'mounts.proc',
    why: 'it is covered',
    try: '--proc=bind',
    status: 500,
    exitCode: 126,
  })

  it('are sentence, why, try', () => {
    expect(formatError(failure, { json: false, debug: false })).toMatchInlineSnapshot(`
      "error: mount proc at /proc: EPERM   [mounts.proc]
       why    it is covered
       try    --proc=bind"
    `)
  })

  it('are the same facts as JSON', () => {
    expect(JSON.parse(formatError(failure, { json: true, debug: false }))).toEqual({
      message: 'mount proc at /proc: EPERM',
      id: 'mounts.proc',
      why: 'it is covered',
      try: '--proc=bind',
      exitCode: 126,
    })
  })

  it('have no control character of other people for the terminal, and as JSON their own words', () => {
    const hostile = new Failure('kind \x1b[2J', { found: 'a\tb\n\x9b31m\r\x07' })
    expect(formatError(hostile, { json: false, debug: false })).toBe('error: kind ?[2J\n found  a\tb\n?31m??')
    expect(JSON.parse(formatError(hostile, { json: true, debug: false }))).toMatchObject({ message: 'kind \x1b[2J' })
    expect(formatError(new Error('\x1b[2J'), { json: false, debug: true })).not.toContain('\x1b')
  })

  it('of ours say so, the stack only when asked for', () => {
    const bug = new TypeError('x is not a function\nsecond line')
    expect(formatError(bug, { json: false, debug: false })).toMatchInlineSnapshot(`
      "error: internal: x is not a function
       why    this is a bug in glasspod
       try    GLASSPOD_DEBUG=1 before the same command, for the stack"
    `)
    expect(formatError(bug, { json: false, debug: true })).toContain('text.test.ts')
    expect(JSON.parse(formatError('thrown text', { json: true, debug: false }))).toMatchObject({ bug: true })
  })
})

describe('colours', () => {
  it('are off where nobody wants or sees them', () => {
    expect(isColourful(1, { NO_COLOR: '1' })).toBe(false)
    expect(isColourful(1, { TERM: 'dumb' })).toBe(false)
    expect(isColourful(99, {})).toBe(false)
    expect(makePaint(false)(31, 'plain')).toBe('plain')
  })
})

describe('any JSON', () => {
  it('is keys and values, nothing where there is nothing', () => {
    expect(
      describeValue({
        Name: 'host',
        Empty: '',
        None: null,
        Tools: ['ip', 'nft'],
        Memory: { Total: 1 },
        Of: [{ a: 1 }],
      }),
    ).toMatchInlineSnapshot(`
      "Name: host
      Tools: ip nft
      Memory:
        Total: 1
      Of:
        - a: 1"
    `)
  })
})

describe('a terminal that is too narrow', () => {
  const headers = ['ID', 'IMAGE', 'CREATED', 'NAME']
  const rows = [['0123456789ab', 'registry.example/shop:1', '2 days ago', 'web']]

  it('gets a table with the widest cells cut, then with columns left out', () => {
    const fit = (columns: number | undefined) =>
      fitTable(headers, rows, { columns, cut: ['IMAGE'], leave: ['CREATED'] })
    expect(fit(undefined)).toBe(formatTable(headers, rows))
    expect(fit(46)).toMatchInlineSnapshot(`
      "ID            IMAGE           CREATED     NAME
      0123456789ab  registry.exam…  2 days ago  web"
    `)
    expect(fit(30)).toMatchInlineSnapshot(`
      "ID            IMAGE       NAME
      0123456789ab  registry.…  web"
    `)
    // what identifies a thing is never cut
    expect(fit(10)).toContain('0123456789ab')
  })

  it('gets an error whose words stay whole, and a command that can still be pasted', () => {
    const error = formatError(
      new Failure('registry registry.example:5000 cannot be reached: no such host name', {
        id: 'registry.unreachable',
      }),
      { json: false, debug: false },
    )
    expect(wrapLine(error, 60)).toMatchInlineSnapshot(`
      [
        "error: registry registry.example:5000 cannot be",
        "       reached: no such host name   [registry.unreachable]",
      ]
    `)
    expect(
      wrapRemedy(
        'sudo chmod 0666 /dev/net/tun; for good: echo \'KERNEL=="tun"; MODE\' | sudo tee /etc/udev/rules.d/90-tun.rules',
        60,
      ),
    ).toMatchInlineSnapshot(`
      [
        "sudo chmod 0666 /dev/net/tun;",
        "for good: echo 'KERNEL=="tun"; MODE' | sudo tee \\",
        "  /etc/udev/rules.d/90-tun.rules",
      ]
    `)
    expect(wrapRemedy('boot with another flag, or run it in the machine: scripts/vm up', 40)).toMatchInlineSnapshot(`
      [
        "boot with another flag, or run it in the",
        "machine: scripts/vm up",
      ]
    `)
  })
})
