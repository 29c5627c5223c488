/**
 * glasspod beside podman and crun: the same image, the same file system, in turns. Started by scripts/bench, which
 * installs the peers and becomes an ordinary user. Measures; passes or fails nothing.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { buildDemoImage } from '../test/fixtures/demo-image.ts'
import { pushLayout, startRegistry } from '../test/fixtures/registry.ts'
import { endAll, makeField, prepareImages, type Field } from './bench-parts/contestants.ts'
import { describeMachine } from './bench-parts/machine.ts'
import { readUsage } from './bench-parts/memory.ts'
import { makePullRow, PULL_TITLE, type PullRow } from './bench-parts/pull-row.ts'
import {
  renderMarkdown,
  renderPlain,
  replaceSection,
  timedRow,
  type Measured,
  type TimedRow,
} from './bench-parts/report.ts'
import { makeRows, type Row } from './bench-parts/rows.ts'
import { execute, interleave, type Job } from './bench-parts/timing.ts'

const USAGE = `usage: scripts/bench [--quick] [--only TEXT] [--markdown]

  --quick       fewer runs: a first look
  --only TEXT   only the rows that have TEXT in their title, and no memory
  --markdown    write the results into docs/performance.md
`
const DOCUMENT = new URL('../../docs/performance.md', import.meta.url).pathname
/** Where the names of its directories are some ten letters longer, podman 4.3 waits 20 s for each container's end. */
const SHORT = '/tmp/gb-'
const QUICK_ROUNDS = 4
const WARMUPS = 2
/** Idle means idle: whatever a start leaves to be done later is done. */
const IDLE_MS = 3000
const COUNTS = [1, 10]

const began = Date.now()
const tell = (sentence: string): void => console.error(`[${((Date.now() - began) / 1000).toFixed(0)} s] ${sentence}`)

const readOptions = () => {
  try {
    const options = { quick: 'boolean', markdown: 'boolean', only: 'string', help: 'boolean' } as const
    return parseArgs({
      options: {
        quick: { type: options.quick },
        markdown: { type: options.markdown },
        only: { type: options.only },
        help: { type: options.help, short: 'h' },
      },
    }).values
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n\n${USAGE}`)
    process.exit(125)
  }
}

const serveImage = async (work: string) => {
  const layout = join(work, 'layout')
  await buildDemoImage('/bin/busybox', layout)
  const registry = await startRegistry()
  const image = `${registry.host}/bench:1`
  await pushLayout(layout, image)
  return { image, host: registry.host, stop: registry.stop }
}

/** A contestant that cannot is told of, and fails in the warm-up then. */
const tryAll = async (jobs: readonly Job[] = []): Promise<void> => {
  for (const { contestant, timed } of jobs) {
    try {
      for (const argv of timed) await execute(contestant, argv)
    } catch (error) {
      tell((error as Error).message)
    }
  }
}

const measureTimes = async (rows: readonly Row[], quick: boolean): Promise<TimedRow[]> => {
  const measured: TimedRow[] = []
  for (const row of rows) {
    tell(row.title.replaceAll('`', ''))
    await tryAll(row.prepare)
    const rounds = quick ? Math.min(QUICK_ROUNDS, row.rounds) : row.rounds
    const times = await interleave(row.jobs, { rounds, warmups: WARMUPS }, tell)
    await tryAll(row.finish)
    measured.push(timedRow(row, times))
  }
  return measured
}

const measureMemory = async (field: Field, work: string): Promise<Measured[]> => {
  const measured: Measured[] = []
  let running = 0
  for (const count of COUNTS) {
    tell(`memory of ${count} idle`)
    for (; running < count; running++) {
      const words = ['run', '-d', '--name', `idle-${running}`, '--network', 'bridge', field.image, 'sleep', '100000']
      await execute(field.glasspod, field.asGlasspod(...words))
      await execute(field.podman, field.asPodman(...words))
    }
    await pause(IDLE_MS)
    const usage = { glasspod: readUsage(work, 'glasspod'), podman: readUsage(work, 'podman') }
    // a process that was not recognized would cost nothing
    if (usage.glasspod.container === 0 || usage.podman.container === 0) throw new Error('memory: processes not found')
    measured.push({ count, ...usage })
  }
  return measured
}

const measure = async (work: string, { quick, only }: { quick: boolean; only: string | undefined }) => {
  tell('an image, a registry, and both pull it')
  const { image, host, stop } = await serveImage(work)
  const field = makeField(work, image)
  let pullRow: PullRow | undefined
  let ending: Promise<void> | undefined
  const end = (): Promise<void> =>
    (ending ??= (async () => {
      for (const failure of [...(await endAll(field)), ...((await pullRow?.end()) ?? [])]) tell(failure)
      await stop()
    })())
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => void end().finally(() => process.exit(130)))
  }
  try {
    await prepareImages(field, work)
    const rows = makeRows(field, work).filter(({ title }) => title.includes(only ?? ''))
    if (PULL_TITLE.includes(only ?? '')) {
      tell('an image of 110 MB')
      pullRow = await makePullRow(host)
      rows.push(pullRow.row)
    }
    const measured = await measureTimes(rows, quick)
    const memory = only === undefined ? await measureMemory(field, work) : []
    return { machine: describeMachine(work), rows: measured, memory }
  } finally {
    tell('cleaning up')
    await end()
  }
}

const options = readOptions()
if (options.help === true) {
  console.log(USAGE)
  process.exit(0)
}
delete process.env['NODE_EXTRA_CA_CERTS']
const work = process.env['GLASSPOD_BENCH_DIR'] ?? mkdtempSync(SHORT)
mkdirSync(join(work, 'layout'))
try {
  const results = await measure(work, { quick: options.quick === true, only: options.only })
  console.log(`\n${renderPlain(results)}`)
  if (options.markdown === true) {
    writeFileSync(DOCUMENT, replaceSection(readFileSync(DOCUMENT, 'utf8'), renderMarkdown(results)))
  }
} finally {
  if (process.env['GLASSPOD_BENCH_DIR'] === undefined) rmSync(work, { recursive: true, force: true })
}
