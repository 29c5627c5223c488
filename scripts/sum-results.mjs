// Adds up what several runs of vitest have written (JSON reporter), names each test that failed or was skipped, and
// prints the sum as the last line. Exits 1 when something failed, or nothing ran.
// usage: node sum-results.mjs DIRECTORY yes|no RUN...     yes: format, lint and types were right
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [, , directory = '.', checked = 'yes', ...runs] = process.argv
const sum = { passed: 0, failed: 0, skipped: 0 }
/** Whether failing unit tests are why the check said no. */
let explained = false
const say = (text) => process.stdout.write(`${text}\n`)

const readRun = (run) => {
  try {
    return JSON.parse(readFileSync(join(directory, `${run}.json`), 'utf8'))
  } catch {
    return undefined
  }
}

/** A file that could not even be loaded has failed without a test of it. */
const listBroken = ({ testResults }) =>
  testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )

for (const run of runs) {
  const results = readRun(run)
  if (results === undefined) {
    sum.failed += 1
    say(`failed: ${run}: it ended before it had results`)
    continue
  }
  const tests = results.testResults.flatMap(({ assertionResults }) => assertionResults)
  const broken = listBroken(results)
  const failed = tests.filter(({ status }) => status === 'failed')
  const skipped = tests.filter(({ status }) => status !== 'failed' && status !== 'passed')
  sum.passed += tests.length - failed.length - skipped.length
  sum.failed += failed.length + broken.length
  sum.skipped += skipped.length
  explained ||= run === 'unit' && sum.failed > 0
  for (const { name, message } of broken) say(`failed: ${run}: ${name}: ${(message ?? '').split('\n', 1)[0]}`)
  for (const { fullName } of failed) say(`failed: ${run}: ${fullName}`)
  for (const { fullName } of skipped) say(`skipped: ${run}: ${fullName}`)
}
if (checked !== 'yes' && !explained) {
  sum.failed += 1
  say('failed: npm run check: see its messages above')
}

const parts = [`${sum.passed} passed`, `${sum.failed} failed`, ...(sum.skipped > 0 ? [`${sum.skipped} skipped`] : [])]
say(parts.join(', '))
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0
