import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quoteWord, splitWords } from '../../../runtime/spec/shell-words.ts'

describe('words of a shell', () => {
  it.each([
    ['', []],
    ['  sh  -c  "a b" ', ['sh', '-c', 'a b']],
    [`a'b c'"d"e`, ['ab cde']],
    [String.raw`\" "\"\\\a" '\"' a\ b`, ['"', String.raw`"\\a`, String.raw`\"`, 'a b']],
    [`'' ""`, ['', '']],
    ['"open', undefined],
    [`it's`, undefined],
    ['end\\', undefined],
  ])('%s', (text, words) => expect(splitWords(text)).toEqual(words))

  it('what is quoted is split into the same words', () =>
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(splitWords(words.map((word) => (word === '' ? "''" : quoteWord(word))).join(' '))).toEqual(words)
      }),
    ))
})
