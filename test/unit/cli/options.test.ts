import { describe, expect, it } from 'vitest'
import { CONTAINER_OPERANDS, RUN_OPTIONS } from '../../../runtime/cli/container-options.ts'
import { EXEC_OPERANDS, EXEC_OPTIONS } from '../../../runtime/cli/exec-body.ts'
import { findNearest } from '../../../runtime/cli/nearest.ts'
import { type OptionTable, parseOptions } from '../../../runtime/cli/options.ts'

const RUN = { name: 'run', options: RUN_OPTIONS, operands: CONTAINER_OPERANDS }
const parseRun = (...args: string[]) => parseOptions(args, RUN)
const STOP = {
  name: 'stop',
  options: { time: { type: 'integer', short: 't', metavar: 'SECONDS', about: '' } } satisfies OptionTable,
  operands: { usage: 'CONTAINER [CONTAINER...]', min: 1, max: 2 },
}

describe('flags', () => {
  it('have their short forms', () => {
    for (const [name, option] of Object.entries<OptionTable[string]>({ ...RUN_OPTIONS })) {
      if (option.short === undefined) continue
      const value = option.type === 'boolean' ? [] : ['x']
      const long = parseRun(`--${name}`, ...value, 'busybox').values
      expect(parseRun(`-${option.short}`, ...value, 'busybox').values, name).toEqual(long)
    }
  })

  it('can be bundled, the last one with its value', () => {
    expect(parseRun('-it', 'busybox').values).toMatchObject({ interactive: true, tty: true })
    expect(parseRun('-dp', '80:80', 'busybox').values).toMatchObject({ detach: true, publish: ['80:80'] })
    expect(parseRun('-itp80:80', 'busybox').values).toMatchObject({ tty: true, publish: ['80:80'] })
  })

  it('take a value after =, a space, or nothing', () => {
    for (const args of [['--env=A=b'], ['--env', 'A=b'], ['-e', 'A=b'], ['-eA=b'], ['-e=A=b']]) {
      expect(parseRun(...args, 'busybox').values.env).toEqual(['A=b'])
    }
  })

  it('are switched off by =false', () => {
    expect(parseRun('--rm', '--rm=false', 'busybox').values.rm).toBe(false)
    expect(parseRun('--read-only=true', 'busybox').values['read-only']).toBe(true)
    expect(() => parseRun('--rm=maybe', 'busybox')).toThrow('--rm is on or off: it takes true or false, not "maybe"')
  })

  it('repeat in order, or the last one counts', () => {
    const { values } = parseRun('-e', 'A=1', '--env', 'B=2', '--name', 'one', '--name', 'two', 'busybox')
    expect(values).toMatchObject({ env: ['A=1', 'B=2'], name: 'two' })
  })

  it('end at the image: what follows belongs to the command', () => {
    expect(parseRun('--rm', 'busybox', 'sh', '-c', 'ls --rm', '--name', '-t')).toMatchObject({
      values: { rm: true, tty: false, name: undefined },
      operands: ['busybox', 'sh', '-c', 'ls --rm', '--name', '-t'],
    })
    expect(parseRun('busybox', '--', 'ls').operands).toEqual(['busybox', '--', 'ls'])
    expect(parseRun('busybox', '--help').help).toBe(false)
  })

  it('end at --', () => {
    expect(parseRun('--rm', '--', '-odd', '-x').operands).toEqual(['-odd', '-x'])
    expect(parseOptions(['-t', '3', '--', '-a', '-b'], STOP).operands).toEqual(['-a', '-b'])
    const exec = { name: 'exec', options: EXEC_OPTIONS, operands: EXEC_OPERANDS }
    expect(parseOptions(['-it', 'web', 'ls', '-l'], exec).operands).toEqual(['web', 'ls', '-l'])
  })

  it('stand anywhere where no command follows', () => {
    expect(parseOptions(['web', '-t', '3'], STOP)).toMatchObject({ values: { time: 3 }, operands: ['web'] })
  })

  it('name what is wrong', () => {
    expect(() => parseOptions(['-t', 'soon', 'web'], STOP)).toThrow('-t takes a whole number, not "soon"')
    expect(() => parseOptions(['web', '--time'], STOP)).toThrow('--time needs a value: --time SECONDS')
    expect(() => parseRun('--pull', 'often', 'busybox')).toThrow('--pull takes missing, always, never, not "often"')
    expect(() => parseRun('--rm')).toThrow('glasspod run: IMAGE is missing')
    expect(() => parseOptions(['a', 'b', 'c'], STOP)).toThrow('glasspod stop: one argument too many: "c"')
  })

  it('that are unknown get the nearest name', () => {
    const facts = (...args: string[]) => {
      try {
        parseRun(...args)
      } catch (error) {
        return error
      }
      throw new Error('nothing was thrown')
    }
    expect(facts('--nmae', 'x', 'busybox')).toMatchObject({
      message: 'glasspod run has no flag --nmae',
      facts: { id: 'cli.flag', try: '--name, or glasspod run --help' },
    })
    expect(facts('--net', 'none', 'busybox')).toMatchObject({
      facts: { try: expect.stringContaining('--network') as string },
    })
    expect(facts('-Z', 'busybox')).toMatchObject({ message: 'glasspod run has no flag -Z' })
    expect(facts('--constructor', 'busybox')).toMatchObject({ message: 'glasspod run has no flag --constructor' })
    expect(facts('--root', '/x', 'busybox')).toMatchObject({ message: '--root stands before the verb' })
  })

  it('--help needs no operands; -h is help unless the verb has its own', () => {
    expect(parseRun('--help').help).toBe(true)
    expect(parseRun('-h', 'web', 'busybox')).toMatchObject({ help: false, values: { hostname: 'web' } })
    expect(parseOptions(['-h'], STOP).help).toBe(true)
  })
})

describe('the nearest name', () => {
  it('is one edit or an exchange away, or an extension', () => {
    expect(findNearest('rnu', ['rm', 'run', 'rmi'])).toBe('run')
    expect(findNearest('insp', ['images', 'inspect'])).toBe('inspect')
    expect(findNearest('zebra', ['images', 'inspect'])).toBeUndefined()
  })
})
