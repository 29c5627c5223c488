import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { comment, makeQuote } from '../../../../runtime/see/shell/words.ts'

const inShell = (words: readonly string[], env: Record<string, string> = {}): string =>
  execFileSync('sh', ['-c', `printf '%s' ${words.join(' ')}`], { encoding: 'utf8', env })

describe('a quoted word', () => {
  it('is the text again in a shell, whatever is in it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (raw) => {
        const text = raw.replaceAll('\0', '')
        expect(inShell([makeQuote()(text)])).toBe(text)
      }),
      { numRuns: 200 },
    )
  })

  it('has the variable for the path that it stands for, and the text around it', () => {
    const quote = makeQuote([
      { path: '/r/containers/1', variable: 'C' },
      { path: '/r', variable: 'R' },
    ])
    const word = quote('lower=$HOME:a b,upper=/r/containers/1/upper,root=/r')
    expect(word).toBe('"lower=\\$HOME:a b,upper=${C}/upper,root=${R}"')
    expect(inShell([word], { C: '/tmp/c', R: '/tmp/r' })).toBe('lower=$HOME:a b,upper=/tmp/c/upper,root=/tmp/r')
  })
})

describe('a comment', () => {
  it('keeps to 100 columns, and to its own lines whatever the text is', () => {
    const lines = comment(`one\ntwo; rm -rf /\n${'word '.repeat(60)}`)
    expect(lines.every((line) => line.startsWith('# ') && line.length <= 100 && !line.includes('\n'))).toBe(true)
  })
})
