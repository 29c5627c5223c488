import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { VERBS } from '../../runtime/cli/main.ts'
import { parseOptions } from '../../runtime/cli/options.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(`${ROOT}docs`)
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

interface Line {
  page: string
  text: string
}

const pageText = (page: string) => readFileSync(join(ROOT, page), 'utf8')

/** Lines of the fenced blocks for a shell: in a transcript (console) those behind a prompt. */
const commandsOf = (page: string): Line[] =>
  [...pageText(page).matchAll(/^```(sh|console)\n(.*?)^```/gms)].flatMap(([, kind, body = '']) =>
    body
      .split('\n')
      .flatMap((line) => (kind === 'sh' ? [line] : /^[$#] /.test(line) ? [line.slice(2)] : []))
      // what goes on in a pipe is no word of ours
      .map((line) => line.replace(/(^|\s)#.*$|\s2>&1 \|.*$/, '').trim())
      .filter((text) => text !== '')
      .map((text) => ({ page, text })),
  )

/** Words as a shell splits them: quotes keep together; nothing is expanded. */
const splitWords = (text: string): string[] =>
  [...text.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? match[3] ?? '')

const commands = PAGES.flatMap(commandsOf)
const ours = commands.filter(({ text }) => /^(?:bin\/)?glasspod\s/.test(text))

describe('the commands of the pages', () => {
  it('are there', () => {
    expect(ours.length).toBeGreaterThan(5)
  })

  it.each(ours)('$page: $text', async ({ text }) => {
    const words = splitWords(text).slice(1)
    if (words.every((word) => word.startsWith('--') || word === 'VERB')) return
    const verb = VERBS.find(({ name }) => words.slice(0, name.split(' ').length).join(' ') === name)
    expect(verb?.name).toBeDefined()
    if (verb === undefined) return
    const grammar = (await verb.load()).verb
    expect(() => parseOptions(words.slice(verb.name.split(' ').length), { name: verb.name, ...grammar })).not.toThrow()
  })

  it.each(commands.filter(({ text }) => /^scripts\//.test(text)))('$page: $text: the script is there', ({ text }) => {
    expect(existsSync(join(ROOT, text.split(' ')[0] ?? ''))).toBe(true)
  })

  it.each(commands.filter(({ text }) => /^npm run /.test(text)))('$page: $text: package.json has it', ({ text }) => {
    const { scripts } = JSON.parse(pageText('package.json')) as { scripts: Record<string, string> }
    expect(Object.keys(scripts)).toContain(text.split(' ')[2])
  })
})

describe('the links of the pages', () => {
  it.each(PAGES)('of %s lead somewhere', (page) => {
    const links = [...pageText(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = '']) => target)
    const missing = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(ROOT, dirname(page), link)))
    expect(missing).toEqual([])
  })

  it('that errors give lead somewhere', () => {
    const sources = ['runtime', 'images', 'cni'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `${folder}/${name}`),
    )
    const named = sources.flatMap((file) =>
      [...pageText(file).matchAll(/docs\/([a-z-]+\.md)(?:#([a-z-]+))?/g)].map(([, page = '', anchor]) => ({
        file,
        page,
        anchor,
      })),
    )
    const missing = named.filter(({ page, anchor }) => {
      if (!existsSync(join(ROOT, 'docs', page))) return true
      const headings = [...pageText(`docs/${page}`).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
        title
          .toLowerCase()
          .replace(/[^\w\s-]/g, '')
          .replace(/\s+/g, '-'),
      )
      return anchor !== undefined && !headings.includes(anchor)
    })
    expect(missing).toEqual([])
  })
})
