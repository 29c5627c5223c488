import { once } from 'node:events'
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { readLogs } from '../../../runtime/agent/api/logs.ts'
import { Container } from '../../../runtime/agent/containers.ts'
import { route, serve } from '../../../runtime/agent/http.ts'
import { monitorFiles } from '../../../runtime/agent/monitored.ts'
import type { ContainerRecord } from '../../../runtime/agent/records.ts'
import { err, out } from './frames.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()
const T = 1_700_000_000

const makeContainer = (log: Buffer[], more: Partial<ContainerRecord> = {}): Container => {
  const directory = fresh()
  mkdirSync(directory)
  writeFileSync(monitorFiles(directory).log, Buffer.concat(log))
  const record: ContainerRecord = {
    id: 'x',
    name: 'x',
    podId: 'p',
    image: { id: '', name: '', diffIds: [] },
    created: '',
    body: {},
    status: 'exited',
    logStart: 0,
    restarts: 0,
    ...more,
  }
  return new Container(record, directory)
}

/** Text of both streams in the order sent, or the raw answer of an error. */
const ask = async (container: Container, query: string, onText?: (text: string) => void) => {
  const path = fresh()
  const routes = [route('GET', '/logs', (request) => readLogs(container, request))]
  const server = createServer((request, response) => void serve(routes, request, response))
  await new Promise<void>((resolve) => server.listen(path, resolve))
  try {
    const chunks: Buffer[] = []
    const sent = get({ socketPath: path, path: `/logs?${query}`, agent: false })
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      onText?.(decode(Buffer.concat(chunks)))
    })
    await once(response, 'end')
    const bytes = Buffer.concat(chunks)
    const { 'content-type': type, 'glasspod-position': position } = response.headers
    return { status: response.statusCode, type, position: String(position), bytes }
  } finally {
    server.close()
  }
}
const decode = (bytes: Buffer): string => {
  let text = ''
  for (let at = 0; at + 8 <= bytes.length;) {
    const length = bytes.readUInt32BE(at + 4)
    if (length > 0) text += `${bytes[at]}|${bytes.subarray(at + 8, at + 8 + length).toString()}`
    at += 8 + length
  }
  return text
}
const read = async (log: Buffer[], query: string) =>
  decode((await ask(makeContainer(log), `stdout=1&stderr=1&${query}`)).bytes)

const log = [out('a\n', T), err('b\n', T + 1), out('c\n', T + 2)]

describe('logs', () => {
  it('are both streams, or one', async () => {
    expect(await read(log, '')).toBe('1|a\n2|b\n1|c\n')
    expect(decode((await ask(makeContainer(log), 'stdout=1')).bytes)).toBe('1|a\n1|c\n')
    expect(decode((await ask(makeContainer(log), 'stderr=true')).bytes)).toBe('2|b\n')
  })

  it.each([
    ['tail=0', ''],
    ['tail=1', '1|c\n'],
    ['tail=2', '2|b\n1|c\n'],
    ['tail=3', '1|a\n2|b\n1|c\n'],
    ['tail=99', '1|a\n2|b\n1|c\n'],
    ['tail=all', '1|a\n2|b\n1|c\n'],
    [`since=${T + 1}`, '2|b\n1|c\n'],
    [`since=${T + 1}.000000005`, '2|b\n1|c\n'],
    [`since=${T + 1}.000000006`, '1|c\n'],
    [`until=${T}.000000005`, '1|a\n'],
    [`since=${T + 1}&until=${T + 2}`, '2|b\n'],
    [`tail=1&until=${T + 1}.5`, '2|b\n'],
    ['since=0', '1|a\n2|b\n1|c\n'],
  ])('are cut by %s', async (query, text) => expect(await read(log, query)).toBe(text))

  it('are whole lines for tail, wherever the frames are cut', async () => {
    const cut = [out('one\ntw'), out('o\nthr'), out('ee'), out('\n')]
    expect(await read(cut, 'tail=1')).toBe('1|thr1|ee1|\n')
    expect(await read(cut, 'tail=2')).toBe('1|tw1|o\nthr1|ee1|\n')
    expect(await read([out('one\ntwo')], 'tail=1')).toBe('1|two')
    expect(await read([out('\n\n\n')], 'tail=2')).toBe('1|\n\n')
    expect(await read([], 'tail=2')).toBe('')
  })

  it('have a time before each line, once', async () => {
    const stamp = (seconds: number) => `2023-11-14T22:13:2${seconds}.000000005Z `
    expect(await read([out('a\nb', T), out('c\n', T + 1), err('d\n', T + 2)], 'timestamps=1')).toBe(
      `1|${stamp(0)}a\n${stamp(0)}b1|c\n2|${stamp(2)}d\n`,
    )
  })

  it('of a terminal are the bytes alone', async () => {
    const { type, bytes } = await ask(makeContainer([out('x\r\n')], { body: { Tty: true } }), 'stdout=1')
    expect([type, bytes.toString()]).toEqual(['application/vnd.docker.raw-stream', 'x\r\n'])
  })

  it('go on as they grow, until the container ends', async () => {
    const container = makeContainer([out('before\n')], { status: 'running' })
    const steps = new Map([
      ['1|before\n', () => appendFileSync(monitorFiles(container.directory).log, err('while\n'))],
      [
        '1|before\n2|while\n',
        () => {
          appendFileSync(monitorFiles(container.directory).log, out('last\n'))
          container.events.emit('end')
        },
      ],
    ])
    const { bytes } = await ask(container, 'stdout=1&stderr=1&follow=1&tail=5', (text) => steps.get(text)?.())
    expect(decode(bytes)).toBe('1|before\n2|while\n1|last\n')
  })

  it.each(['', 'tail=2', 'tail=0', 'timestamps=1&tail=3', `since=${T + 1}&timestamps=1`])(
    'with "%s" go on for another agent where they stopped, at any byte, as the log has grown',
    async (query) => {
      const container = makeContainer([out('one\ntw', T), err('b\n', T + 1), out('o\nth', T + 1), out('ree\n', T + 2)])
      const { position } = await ask(container, `stdout=1&stderr=1&${query}`)
      appendFileSync(monitorFiles(container.directory).log, Buffer.concat([err('c', T + 3), out('four\n', T + 3)]))
      const streams = (bytes: Buffer): [string, string] => {
        const text = ['', '']
        for (let at = 0; at + 8 <= bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
          text[(bytes[at] ?? 1) - 1] += bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at + 4)).toString()
        return [text[0] ?? '', text[1] ?? '']
      }
      const resume = async (received: string) =>
        streams((await ask(container, `stdout=1&stderr=1&${query}&position=${position}&received=${received}`)).bytes)
      const [stdout, stderr] = await resume('0,0')
      expect(stdout).toContain('four\n')
      for (let [o, e] = [0, 0]; o <= stdout.length; o += 3, e = Math.min(e + 1, stderr.length))
        expect(await resume(`${o},${e}`)).toEqual([stdout.slice(o), stderr.slice(e)])
    },
  )

  it('leave no listener behind when a follower goes away', async () => {
    const container = makeContainer([out('x\n')], { status: 'running' })
    const path = fresh()
    let answered: Promise<unknown> = Promise.resolve()
    const routes = [route('GET', '/logs', (request) => (answered = readLogs(container, request)))]
    const server = createServer((request, response) => void serve(routes, request, response))
    await new Promise<void>((resolve) => server.listen(path, resolve))
    const sent = get({ socketPath: path, path: '/logs?stdout=1&follow=1', agent: false })
    sent.on('error', () => undefined)
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    await once(response, 'data')
    response.destroy()
    await answered
    server.close()
    expect(container.events.listenerCount('end')).toBe(0)
  })

  it.each([
    ['stdout=1&tail=-1', "invalid number of lines: '-1'"],
    ['stdout=1&tail=x', "invalid number of lines: 'x'"],
    ['stdout=1&since=yesterday', "invalid since: 'yesterday'"],
    ['stdout=1&until=1.0000000001', "invalid until: '1.0000000001'"],
    ['', 'you must choose at least one stream'],
    ['stdout=1&position=x', "invalid position: 'x' with 'null'"],
    ['stdout=1&position=1.0&received=1', "invalid position: '1.0' with '1'"],
  ])('%s is refused', async (query, message) => {
    const { status, bytes } = await ask(makeContainer(log), query)
    expect(status).toBe(400)
    expect(JSON.parse(bytes.toString())).toMatchObject({ message })
  })
})
