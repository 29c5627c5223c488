import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readLayeredFile } from '../../../runtime/agent/images.ts'
import { refusal } from '../kernel/refusal.ts'
import { useDirectory } from './temporary.ts'

const { fresh, path } = useDirectory()
const PASSWD = '/etc/passwd'

/** Layers, the uppermost first, each with an /etc. */
const layers = (...fill: ((etc: string) => void)[]): string[] =>
  fill.map((act) => {
    const directory = fresh()
    mkdirSync(`${directory}/etc`, { recursive: true })
    act(`${directory}/etc`)
    return directory
  })
const file = (text: string) => (etc: string) => writeFileSync(`${etc}/passwd`, text)
const link = (target: string) => (etc: string) => symlinkSync(target, `${etc}/passwd`)
const empty = () => undefined

describe('a file of layers', () => {
  it('is the uppermost one', () => {
    expect(readLayeredFile(layers(file('upper'), file('lower')), PASSWD)).toBe('upper')
    expect(readLayeredFile(layers(empty, file('lower')), PASSWD)).toBe('lower')
  })

  it('is none where none has it', () => {
    expect(readLayeredFile(layers(empty, empty), PASSWD)).toBe(undefined)
    expect(readLayeredFile([], PASSWD)).toBe(undefined)
    expect(readLayeredFile([path('none')], PASSWD)).toBe(undefined)
  })

  it('is none where a directory has its name', () => {
    expect(
      readLayeredFile(
        layers((etc) => mkdirSync(`${etc}/passwd`)),
        PASSWD,
      ),
    ).toBe(undefined)
  })

  it.each(['/etc/passwd', '../../../../../../../../etc/passwd', './passwd', '/proc/self/environ'])(
    'is never what a link to %s leads to',
    (target) => expect(readLayeredFile(layers(link(target)), PASSWD)).toBe(undefined),
  )

  it('is not reached through a directory that is a link', () => {
    const [directory = ''] = layers(empty)
    rmSync(`${directory}/etc`, { recursive: true })
    symlinkSync('/etc', `${directory}/etc`)
    expect(readLayeredFile([directory], PASSWD)).toBe(undefined)
  })

  it('is refused beyond 4 MiB, by name and size', () => {
    const big = layers((etc) => {
      writeFileSync(`${etc}/passwd`, '')
      truncateSync(`${etc}/passwd`, 4 * 1024 * 1024 + 1)
    })
    expect(refusal(() => readLayeredFile(big, PASSWD))).toBe('/etc/passwd of the image has 4194305 bytes')
  })

  it('is gone where a layer has a whiteout for it or its directory', ({ skip }) => {
    const device = fresh()
    skip(spawnSync('mknod', [device, 'c', '0', '0']).status !== 0, 'missing capability: mknod')
    const whiteout = (name: string) => execFileSync('mknod', [name, 'c', '0', '0'])
    expect(
      readLayeredFile(
        layers((etc) => whiteout(`${etc}/passwd`), file('lower')),
        PASSWD,
      ),
    ).toBe(undefined)
    const [upper = ''] = layers(empty)
    rmSync(`${upper}/etc`, { recursive: true })
    whiteout(`${upper}/etc`)
    expect(readLayeredFile([upper, ...layers(file('lower'))], PASSWD)).toBe(undefined)
  })

  // Overlay shows the link and the file in /etc’s place; what is below them is not in the container.
  it('is not the one that a link hides', () => {
    expect(readLayeredFile(layers(link('/other'), file('stale')), PASSWD)).toBe(undefined)
  })

  it('is none, without an error, where a file stands in its directory’s place', () => {
    const [upper = ''] = layers(empty)
    rmSync(`${upper}/etc`, { recursive: true })
    writeFileSync(`${upper}/etc`, '')
    expect(readLayeredFile([upper, ...layers(file('stale'))], PASSWD)).toBe(undefined)
  })
})
