import { describe, expect, it } from 'vitest'
import { LANGUAGES, type Text } from '../../../scripts/tutorials/level.ts'
import { LEVELS } from '../../../scripts/tutorials/levels.ts'
import { SAY, chooseLanguage, wrapText } from '../../../scripts/tutorials/say.ts'

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

  it('teach a failure each, and end with a question', () => {
    expect(LEVELS.filter(({ steps }) => !steps.some(({ fails }) => fails !== undefined)).map(({ id }) => id)).toEqual(
      [],
    )
  })

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

describe('wrapText', () => {
  it('breaks English between words and Chinese anywhere, but not before a closing sign', () => {
    expect(wrapText('one two three', '', 8)).toEqual(['one two', 'three'])
    expect(wrapText('命名空间，进程。', '', 8)).toEqual(['命名空', '间，进', '程。'])
    expect(wrapText('必须 fork。再', '', 10)).toEqual(['必须', 'fork。再'])
  })
})

describe('chooseLanguage', () => {
  it('takes the first of LC_ALL, LC_MESSAGES and LANG that is set', () => {
    expect(chooseLanguage({ LC_ALL: 'C', LANG: 'zh_CN.UTF-8' })).toBe('en')
    expect(chooseLanguage({ LC_ALL: '', LANG: 'zh_CN.UTF-8' })).toBe('zh')
    expect(chooseLanguage({})).toBe('en')
  })
})
