/** README.md and README.zh-CN.md say the same: what is no prose stands in both, in the same order. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')
const [english, chinese] = [read('README.md'), read('README.zh-CN.md')]

const prose = (text: string) => text.replace(/^```.*?^```/gms, '')
const levels = (text: string) => [...prose(text).matchAll(/^(#+) /gm)].map(([, marks]) => marks)
const blocks = (text: string) => [...text.matchAll(/^```.*?^```/gms)].map(([block]) => block)
/** Commands, files and names, a paragraph's in any order: languages order their sentences differently. */
const codes = (text: string) => [...new Set([...prose(text).matchAll(/`([^`]+)`/g)].map(([, code]) => code))].sort()
const links = (text: string) =>
  [...prose(text).matchAll(/\]\(([^)]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !target?.startsWith('README'))
const items = (text: string) => [...prose(text).matchAll(/^(?:- |\| `)/gm)].length

describe('the two READMEs', () => {
  it('have the same headings, as to their number and depth', () => expect(levels(chinese)).toEqual(levels(english)))
  it('have the same commands and transcripts', () => expect(blocks(chinese)).toEqual(blocks(english)))
  it('name the same commands, flags and files', () => expect(codes(chinese)).toEqual(codes(english)))
  it('lead to the same pages', () => expect(links(chinese).sort()).toEqual(links(english).sort()))
  it('have the same number of points', () => expect(items(chinese)).toBe(items(english)))
})

describe('a change of one of them alone is seen:', () => {
  it.each([
    ['a heading more', levels, (text: string) => text.replace(/^## /m, '## New\n\n## ')],
    ['a heading of another depth', levels, (text: string) => text.replace(/^## /m, '### ')],
    ['another command', blocks, (text: string) => text.replace(/^```sh\n/m, '```sh\ntrue\n')],
    ['another word for a name', codes, (text: string) => `${text}\n\nSee \`glasspod none\`.\n`],
    ['another link', links, (text: string) => `${text}\n\n[more](docs/none.md)\n`],
    ['a point more', items, (text: string) => `${text}\n- more\n`],
  ])('%s', (_what, look, change) => {
    expect(look(change(chinese))).not.toEqual(look(chinese))
  })
})
