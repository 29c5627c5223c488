// Says whether all tests that the suite lists on this machine were met in the virtual one as well, and whether one was
// skipped both here and there: then nobody has shown what it promises.
// usage: node compare-suites.mjs EXPECTED RESULTS     of `vitest list --json`, of vitest's JSON reporter
import { readFileSync } from 'node:fs'
import { listTests, needsRoot, relativeFile } from '../results.mjs'

const [, , expectedFile = '', resultsFile = ''] = process.argv
const read = (file) => JSON.parse(readFileSync(file, 'utf8'))
const say = (text) => process.stdout.write(`${text}\n`)

// What would be skipped here is not in this list.
const here = new Set(read(expectedFile).map(({ name, file }) => `${relativeFile(file)} > ${name}`))
const there = new Map(listTests(read(resultsFile)).map(({ key, status }) => [key, status]))
const missing = [...here].filter((key) => !there.has(key))
const nowhere = [...there.keys()].filter((key) => there.get(key) === 'skipped' && !here.has(key) && !needsRoot(key))
const passed = [...there.values()].filter((status) => status === 'passed').length

for (const key of missing) say(`failed: listed here, not met in the machine: ${key}`)
for (const key of nowhere) say(`failed: skipped both here and there: ${key}`)
say(`vm: ${passed} of ${there.size} tests passed in the machine; ${here.size} are listed here`)
process.exitCode = missing.length + nowhere.length > 0 ? 1 : 0
