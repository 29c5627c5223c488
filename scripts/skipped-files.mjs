// Prints the files of which a test was skipped, one a line.
// usage: node skipped-files.mjs RESULTS     of vitest's JSON reporter
import { readFileSync } from 'node:fs'
import { relativeFile } from './results.mjs'

const [, , file = ''] = process.argv
for (const { name, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults)
  if (assertionResults.some(({ status }) => status !== 'passed' && status !== 'failed'))
    process.stdout.write(`${relativeFile(name)}\n`)
