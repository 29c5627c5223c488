// Prints the files of which a test was skipped that an ordinary user can run, one a line; none where the run has left no results.
// usage: node skipped-files.mjs RESULTS     of vitest's JSON reporter
import { existsSync, readFileSync } from 'node:fs'
import { listTests, needsRoot, relativeFile } from './results.mjs'

const [, , file = ''] = process.argv
const { testResults } = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { testResults: [] }
for (const result of testResults)
  if (listTests({ testResults: [result] }).some(({ key, status }) => status === 'skipped' && !needsRoot(key)))
    process.stdout.write(`${relativeFile(result.name)}\n`)
