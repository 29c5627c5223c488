import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { breakCommand } from '../../../scripts/tutorials/command-lines.ts'
import { LANGUAGES, type Level, type Step, type Text, type Witness } from '../../../scripts/tutorials/level.ts'
import { LEVELS } from '../../../scripts/tutorials/levels.ts'
import { SAY, chooseLanguage, indentLine, wrapText } from '../../../scripts/tutorials/say.ts'

const textsOf = (value: unknown): Text[] => {
  if (typeof value !== 'object' || value === null) return []
  if (LANGUAGES.every((language) => typeof (value as Record<string, unknown>)[language] === 'string'))
    return [value as Text]
  return Object.values(value).flatMap(textsOf)
}

describe('the levels', () => {
  it('are in the order of their numbers', () => {
    const ids = LEVELS.map(({ id }) => id)
    expect(ids).toEqual([...new Set(ids)].sort())
  })

  it('are all there: sixteen', () => expect(LEVELS).toHaveLength(16))

  it('say everything in Chinese too, and not in English again', () => {
    const same = textsOf([LEVELS, SAY]).filter(({ en, zh }) => zh === '' || zh === en || !/[\u4e00-\u9fff]/.test(zh))
    expect(same).toEqual([])
  })

  it('keep to 80 columns in both languages', () => {
    for (const text of textsOf([LEVELS, SAY]))
      for (const language of LANGUAGES)
        for (const line of wrapText(text[language], '  '))
          expect(
            [...line].reduce((sum, letter) => sum + (/[\u2e80-\uff60]/.test(letter) ? 2 : 1), 0),
          ).toBeLessThanOrEqual(80)
  })
})

const isOurs = ({ run }: Step) => /\bglasspod /.test(run)
const isUsed = ({ run }: Step) => /\bglasspod (run|pod create|pull|play) /.test(run)
const isExplained = ({ run }: Step) => /\bglasspod explain |\bglasspod [^\n]*--explain\b/.test(run)
/** Of util-linux, iproute2 and their like, or of the kernel's own files. */
const isByHand = (step: Step) =>
  !isOurs(step) &&
  /\b(unshare|nsenter|chroot|mount|kill|hostname|setpriv|mkdir \$CGROUP|ip|CNI_COMMAND|curl|cat \/proc|readlink \/proc)\b/.test(
    step.run,
  )

/** Levels that build nothing by hand, and why. */
const NOTHING_BY_HAND: Record<string, string> = {
  '13': 'the pod by hand is level 12; this one is what somebody does with it',
  '14': 'what is to be mended is a pod of glasspod',
}

describe.each(LEVELS.map((level) => [`${level.id} ${level.name}`, level] as const))(
  'level %s',
  (_name, level: Level) => {
    const { id, steps, watch, concept, question } = level

    it('has a concept in a few lines, a question with an answer, and a command to watch it', () => {
      for (const language of LANGUAGES) expect(wrapText(concept[language]).length).toBeLessThanOrEqual(8)
      expect(question.ask.en).toMatch(/\?$/)
      expect(question.ask.zh).toMatch(/？$/)
      expect(question.answer.en.length).toBeGreaterThan(40)
      expect(watch).toMatch(/^watch -n 1 /)
    })

    it('teaches an expected failure', () => expect(steps.some(({ fails }) => fails !== undefined)).toBe(true))

    it('is done by hand first, and then by glasspod with its explanation', () => {
      if (NOTHING_BY_HAND[id] === undefined) expect(steps.findIndex(isByHand)).toBeGreaterThanOrEqual(0)
      if (NOTHING_BY_HAND[id] === undefined) expect(steps.findIndex(isByHand)).toBeLessThan(steps.findIndex(isOurs))
      expect(steps.some(isUsed)).toBe(true)
      expect(steps.some(isExplained)).toBe(true)
    })

    it.each(steps.map((step, index) => [index, step.run.split('\n')[0], step] as const))(
      'step %i, %s: its check does not hold where there is nothing to see',
      async (_index, _run, step) => {
        // what must fail has not
        if (step.fails !== undefined) return
        expect(await Promise.resolve(step.check(NOTHING)).catch(() => false)).toBe(false)
      },
    )

    it.each(LANGUAGES)('says in %s what a reader who was nearly right has left out', (language) => {
      const said = steps.map(({ nearly }) => nearly[language])
      expect(said.filter((text) => text.length < 5)).toEqual([])
    })

    it('names the same commands, files, calls and numbers in both languages', () => {
      const unequal = textsOf(level).filter(({ en, zh }) => namesIn(en).join() !== namesIn(zh).join())
      expect(unequal.map(({ en, zh }) => [namesIn(en), namesIn(zh), en, zh])).toEqual([])
    })
  },
)

/** A reader whose command did nothing: there is no process, no file, no output. */
const NOTHING: Witness = {
  value: () => Promise.resolve(''),
  pid: () => Promise.resolve(0),
  read: () => '',
  namespace: (pid) => (pid === 'self' ? 'self:[1]' : ''),
  status: () => '',
  output: '',
  exitCode: 0,
  directory: '/nonexistent',
}

/** What no language translates; PID and CNI are words in Chinese. */
const NAMES =
  /--[a-z][a-z-]+|\$\w+|\/(?:proc|etc|dev|sys|mnt|var|data)\b(?:[\w/$*-]|\.\w)*|\b[A-Z][A-Z_0-9]{2,}\b|\w+\(\d\)|\d{2,}/g
const namesIn = (text: string): string[] =>
  [...new Set(text.match(NAMES))].filter((name) => name !== 'PID' && name !== 'CNI').sort()

describe('wrapText', () => {
  it('breaks English between words and Chinese anywhere, but not before a closing sign', () => {
    expect(wrapText('one two three', '', 8)).toEqual(['one two', 'three'])
    expect(wrapText('命名空间，进程。', '', 8)).toEqual(['命名空', '间，进', '程。'])
    expect(wrapText('必须 fork。再', '', 10)).toEqual(['必须', 'fork。再'])
  })
})

describe('indentLine', () => {
  it('takes from the padding of a line that is as wide as the terminal, and leaves what is wider', () => {
    const wide = `11.86 process.descriptors${' '.repeat(41)}close_range(2)`
    expect(wide).toHaveLength(80)
    expect(indentLine(wide)).toBe(`  11.86 process.descriptors${' '.repeat(39)}close_range(2)`)
    expect(indentLine(`── program ${'─'.repeat(69)}`)).toBe(`  ── program ${'─'.repeat(67)}`)
    expect(indentLine('x'.repeat(80))).toBe(`  ${'x'.repeat(80)}`)
    expect(indentLine('a   b')).toBe('  a   b')
    expect(indentLine(wide + ' '.repeat(9))).toBe(`  ${wide}${' '.repeat(9)}`)
  })
})

describe('breakCommand', () => {
  const commands = LEVELS.flatMap(({ steps }) => steps.map(({ run }) => run))

  it('leaves no line of a level that is wider than the screen', () => {
    const wide = commands.flatMap((command) => breakCommand(command, 78)).filter((line) => line.length > 78)
    expect(wide).toEqual([])
  })

  it('takes no word away and adds none', () => {
    const squeeze = (text: string) => text.replaceAll(/\s*\\?\n/g, ' ')
    for (const command of commands)
      expect(squeeze(breakCommand(command, 78).join('\n'))).toBe(squeeze(command).replaceAll('\n', ' '))
  })

  it('gives a shell the same to read, wherever it breaks', () => {
    const read = (command: string) => execFileSync('sh', ['-c', command], { encoding: 'utf8' })
    const command = `say() { printf '<%s>' "$@"; }\nsay a "b c  d" 'e f g' "$(echo "h i" 'j k')" && sh -c 'echo l m; echo "n o" | cat' sh`
    const expected = read(command)
    for (const width of [5, 10, 15, 20, 25, 30, 40, 50])
      expect(read(breakCommand(command, width).join('\n'))).toBe(expected)
  })
})

describe('chooseLanguage', () => {
  it('takes the first of LC_ALL, LC_MESSAGES and LANG that is set', () => {
    expect(chooseLanguage({ LC_ALL: 'C', LANG: 'zh_CN.UTF-8' })).toBe('en')
    expect(chooseLanguage({ LC_ALL: '', LANG: 'zh_CN.UTF-8' })).toBe('zh')
    expect(chooseLanguage({})).toBe('en')
  })
})
