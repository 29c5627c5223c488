/**
 * What of docs/ comes from the program itself: the remedies of doctor, and screens. What stands around it is written by
 * hand. usage: node dist/scripts/docs.mjs [--check], or --page FILE: the page of the pictures, and its size
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { drawGraph, drawPage, fillScreens } from './docs-parts/captures.ts'
import { formatProbes } from './docs-parts/troubleshooting.ts'

const PROBES = 'docs/troubleshooting.md'
const SCREENS = 'docs/looking-inside.md'
const DRAWING = 'docs/captures/graph.svg'
const BEGIN = '<!-- from the probes of glasspod doctor, by npm run docs -->'
const END = '<!-- end of the probes -->'

const read = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '')

const fillProbes = (page: string): string => {
  const [before, rest = ''] = page.split(BEGIN)
  const [, after] = rest.split(END)
  if (before === undefined || after === undefined) throw new Error(`${PROBES} has no ${BEGIN} ... ${END}`)
  return `${before}${BEGIN}\n\n${formatProbes()}\n\n${END}${after}`
}

const formatPage = async (path: string, text: string): Promise<string> =>
  format(text, { ...(await resolveConfig(path)), parser: 'markdown' })

const wanted: Record<string, string> = {
  [PROBES]: await formatPage(PROBES, fillProbes(read(PROBES))),
  [SCREENS]: await formatPage(SCREENS, fillScreens(read(SCREENS))),
  [DRAWING]: drawGraph(),
}
const [, , flag, file] = process.argv
if (flag === '--page' && file !== undefined) {
  const { page, size } = drawPage()
  writeFileSync(file, page)
  console.log(size)
  process.exit()
}
for (const [path, text] of Object.entries(wanted)) {
  if (!process.argv.includes('--check')) writeFileSync(path, text)
  else if (read(path) !== text) {
    console.error(`error: ${path} is not what the program says\n try    npm run docs`)
    process.exitCode = 1
  }
}
