/** The screens of docs/screens.md are what glasspod shows on a terminal of 80 by 24. CAPTURE=1 writes them anew. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect } from 'vitest'
import { ROWS } from '../fixtures/capture.ts'
import { testPage } from '../fixtures/capture-page.ts'
import { makeSmallImage, startFaultyRegistry, type FaultyRegistry } from '../fixtures/faulty-registry.ts'
import { makeRoot } from '../fixtures/glasspod.ts'
import { until } from '../fixtures/glasspod-until.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'
import { readScreen } from '../fixtures/screen.ts'

const root = makeRoot()
/** What the page has for what is new each time, of the same length, so that columns stay where they are. */
const names = new Map([
  [root.dir, '/home/you/root'],
  [root.image.replace(/\/.*/, ''), 'localhost:50000'],
])
/** Where the commands are typed: the files that they name. */
const cwd = mkdtempSync('/tmp/gp-screens-')
let slow: FaultyRegistry

const SHOP = `apiVersion: v1
kind: Pod
metadata: { name: shop }
spec:
  containers:
    - { name: front, image: busybox, command: [sleep, '1000'] }
    - { name: store, image: busybox, command: [sleep, '1000'] }
`

/** What no gzip makes smaller. */
const noise = (size: number): Buffer =>
  Buffer.concat(Array.from({ length: size / 64 }, (_, at) => createHash('sha512').update(`${at}`).digest()))

beforeAll(async () => {
  writeFileSync(`${cwd}/shop.yaml`, SHOP)
  writeFileSync(`${cwd}/auth.json`, '{}')
  const image = await makeSmallImage([
    [{ name: 'greeting', content: 'hello\n' }],
    [{ name: 'noise', content: noise(8 << 20) }],
  ])
  slow = await startFaultyRegistry(image)
  const large = image.layers[1]
  slow.fault = ({ body, response }) => {
    if (body === undefined || body !== large) return false
    response.write(body.subarray(0, body.length >> 1))
    return true
  }
  names.set(`${slow.host}/`, 'localhost:50001/')
  await root.ok(['info'])
})
afterAll(async () => {
  await slow.stop()
  rmSync(cwd, { recursive: true })
  await root.teardown()
})

/** What waits for a key ends its screen with one of these. */
const QUESTION = /(?:\? help\n*|› |Username: |Password: )$/

const toNamed = (text: string): string => [...names].reduce((named, [real, name]) => named.replaceAll(real, name), text)
const toReal = (text: string): string => [...names].reduce((real, [word, name]) => real.replaceAll(name, word), text)

testPage('screens.md', async ({ command, keys = '', until: text }) => {
  // no file of whoever runs the tests is written
  const logins = command.startsWith('glasspod login ') ? `export REGISTRY_AUTH_FILE=${cwd}/auth.json; ` : ''
  const terminal = onTerminal(root, `cd ${cwd}; ${logins}${toReal(command)}`)
  const screen = () => readScreen(terminal.seen())
  const shows = (found: string) => screen().lines.some((line) => line.includes(found))
  let answered = 0
  const asks = () => QUESTION.test(terminal.seen().slice(answered).replaceAll('\r', ''))
  for (const key of keys === '' ? [] : keys.split(',')) {
    await until('it asks', asks)
    answered = terminal.seen().length
    terminal.type(key.replaceAll('<Enter>', '\r'))
  }
  if (text !== undefined)
    await until(`it shows ${text}`, () => text.split(' & ').every(shows) && (keys === '' || asks())).catch(
      (error: unknown) => {
        throw new Error(`it shows ${screen().lines.join('\n')}`, { cause: error })
      },
    )
  const ended = text === undefined ? await terminal.child : undefined
  const { lines, broken } = screen()
  if (ended === undefined) {
    // whichever of the two it takes
    terminal.type('q\r\u0003')
    await terminal.child
  }
  // a path has no place to break at: what the terminal made of it goes, and its line is as long as the machine wants it
  const isPath = (line: string) => /\s\/\S+$/.test(line)
  for (const line of broken.filter(isPath)) lines.splice(lines.indexOf(line) + 1, 1)
  // JSON is for programs
  if (lines[0] !== '[') expect(broken.filter((line) => !isPath(line))).toEqual([])
  while (lines.at(-1) === '') lines.pop()
  return toNamed((text === undefined ? lines : lines.slice(1 - ROWS)).join('\n'))
})
