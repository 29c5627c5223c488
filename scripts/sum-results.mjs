// Adds up what several runs of vitest have written (JSON reporter), names each test that failed, was skipped,
// or passed at its second attempt only, and prints the sum as the last line. Exits 1 when something failed, or nothing ran.
// usage: node sum-results.mjs DIRECTORY yes|no yes|no RUN...
// The first answer: format, lint and types were right; the second: `scripts/vm test` said yes, or was not asked.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listBroken, listTests } from './results.mjs'

const [, , directory = '.', checked = 'yes', machine = 'yes', ...runs] = process.argv
const sum = { passed: 0, failed: 0, skipped: 0 }
/** Whether failing tests are why they said no. */
const explained = { check: false, machine: false }
const firstLine = (text = '') => text.split('\n', 1)[0]
const say = (text) => process.stdout.write(`${text}\n`)

const readRun = (run) => {
  try {
    return JSON.parse(readFileSync(join(directory, `${run}.json`), 'utf8'))
  } catch {
    return undefined
  }
}

for (const run of runs) {
  const results = readRun(run)
  if (results === undefined) {
    sum.failed += 1
    say(`failed: ${run}: it ended before it had results`)
    continue
  }
  const tests = listTests(results)
  const broken = listBroken(results)
  const failed = tests.filter(({ status }) => status === 'failed')
  const skipped = tests.filter(({ status }) => status === 'skipped')
  sum.passed += tests.length - failed.length - skipped.length
  sum.failed += failed.length + broken.length
  sum.skipped += skipped.length
  const why = run === 'unit' ? 'check' : run.startsWith('virtual machine') ? 'machine' : undefined
  if (why !== undefined && failed.length + broken.length > 0) explained[why] = true
  for (const { name, message } of broken) say(`failed: ${run}: ${name}: ${firstLine(message)}`)
  for (const { fullName } of failed) say(`failed: ${run}: ${fullName}`)
  for (const { fullName, status, threw } of tests)
    if (status === 'passed' && threw.length > 0)
      say(`passed at its second attempt: ${run}: ${fullName}: ${firstLine(threw[0])}`)
  for (const { fullName } of skipped) say(`skipped: ${run}: ${fullName}`)
}
const answers = [
  { right: checked === 'yes' || explained.check, what: 'npm run check' },
  { right: machine === 'yes' || explained.machine, what: 'scripts/vm test' },
]
for (const { what } of answers.filter(({ right }) => !right)) {
  sum.failed += 1
  say(`failed: ${what}: see its messages above`)
}

const parts = [`${sum.passed} passed`, `${sum.failed} failed`, ...(sum.skipped > 0 ? [`${sum.skipped} skipped`] : [])]
say(parts.join(', '))
process.exitCode = sum.failed > 0 || sum.passed === 0 ? 1 : 0
