import { defineConfig } from 'vitest/config'
import { isPatient, patiently } from './test/fixtures/patience.ts'

/** scripts/test adds up the runs from these files. */
const results = process.env['GLASSPOD_RESULTS']

/** A worker keeps what it has loaded: files share fixtures, which keep nothing of a test. On two processors vitest has one. */
const WORKERS = { maxWorkers: 2, isolate: false }

/** Suites of containers: what is a second on a processor is ten on an emulated one, and then the limits grow with it. */
const suite = (name: string, include: string) => ({
  test: {
    name,
    include: [include],
    testTimeout: patiently(60_000),
    hookTimeout: patiently(120_000),
    fileParallelism: true,
    ...WORKERS,
    // on an emulated processor chance has more room; the report tells which test was tried twice
    retry: isPatient ? 1 : 0,
  },
})
const withRegistry = { globalSetup: ['test/fixtures/registry-global.ts'] }

export default defineConfig({
  test: {
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 30_000, ...WORKERS } },
      { test: { ...suite('integration', 'test/integration/**/*.test.ts').test, ...withRegistry } },
      // in a virtual machine: what only systemd and cgroup v2 alone can show
      { test: { ...suite('vm', 'test/vm/*.test.ts').test, ...withRegistry } },
      // beside it, on the host: what its user cannot do to it
      { test: { ...suite('vm-outside', 'test/vm/outside/*.test.ts').test, fileParallelism: false } },
    ],
  },
})
