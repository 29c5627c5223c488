/** The rows of the table of times: what each contestant runs, and what glasspod ought to reach. */
import { bundleOf, type Field } from './contestants.ts'
import type { Argv, Job } from './timing.ts'

/** glasspod's median shall be at most `share` of another one's. */
export interface Goal {
  share: number
  of: 'podman' | 'node'
}

export interface Row {
  title: string
  jobs: Job[]
  rounds: number
  goal: Goal
  /** Before and after all rounds. */
  prepare?: Job[]
  finish?: Job[]
}

const IDLE = ['sleep', '100000'] as const
/** How many are listed. */
export const LISTED = 50
const IN_A_ROW = 10

type Both = (args: readonly string[], podmanOnly?: readonly string[]) => [Argv, Argv]

const repeat = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))

/** Without a name both run the commands of the same words. */
const makeBoth =
  ({ asGlasspod, asPodman }: Field): Both =>
  (args, podmanOnly = []) => [asGlasspod(...args), asPodman(...args, ...podmanOnly)]

const nodeFloor = ({ node }: Field): Job => ({ contestant: node, timed: [[process.execPath, '-e', '0']] })

const run = (field: Field, network: string): readonly string[] => [
  'run',
  '--rm',
  '--network',
  network,
  field.image,
  'true',
]

/** Pairs of commands become one job for each. */
const jobsOf = ({ glasspod, podman }: Field, timed: [Argv, Argv][], undo: [Argv, Argv][] = []): Job[] =>
  [glasspod, podman].map((contestant, side) => ({
    contestant,
    timed: timed.map((pair) => pair[side] ?? []),
    undo: undo.map((pair) => pair[side] ?? []),
  }))

const startRows = (field: Field, work: string): Row[] => {
  const both = makeBoth(field)
  const bridge = both(run(field, 'bridge'))
  const neighbour = both(['run', '-d', '--name', 'neighbour', '--network', 'bridge', field.image, ...IDLE])
  const crun: Job = { contestant: field.crun, timed: [field.asCrun('run', '-b', bundleOf(work, 'true'), 'once')] }
  return [
    {
      title: 'CLI `--version`',
      jobs: [...jobsOf(field, [both(['--version'])]), nodeFloor(field)],
      rounds: 30,
      goal: { share: 1.3, of: 'node' },
    },
    {
      title: '`run --rm true`, no network',
      jobs: [...jobsOf(field, [both(run(field, 'none'))]), crun],
      rounds: 25,
      goal: { share: 1 / 2, of: 'podman' },
    },
    {
      title: `the same, ${IN_A_ROW} one after another`,
      jobs: jobsOf(
        field,
        repeat(IN_A_ROW, () => both(run(field, 'none'))),
      ),
      rounds: 5,
      goal: { share: 1 / 3, of: 'podman' },
    },
    {
      title: '`run --rm true`, own bridge network',
      jobs: jobsOf(field, [bridge]),
      rounds: 15,
      goal: { share: 1 / 4, of: 'podman' },
    },
    {
      title: 'the same, beside a container that is on the bridge',
      prepare: jobsOf(field, [neighbour]),
      jobs: jobsOf(field, [bridge]),
      finish: jobsOf(field, [both(['rm', '-f', 'neighbour'], ['-t', '0'])]),
      rounds: 15,
      goal: { share: 1 / 4, of: 'podman' },
    },
  ]
}

const execRow = (field: Field, work: string): Row => {
  const both = makeBoth(field)
  const { crun, asCrun } = field
  return {
    title: '`exec true`',
    prepare: [
      ...jobsOf(field, [both(['run', '-d', '--name', 'exec', '--network', 'none', field.image, ...IDLE])]),
      { contestant: crun, timed: [asCrun('run', '--detach', '-b', bundleOf(work, 'sleep'), 'exec')] },
    ],
    jobs: [
      ...jobsOf(field, [both(['exec', 'exec', 'true'])]),
      { contestant: crun, timed: [asCrun('exec', 'exec', 'true')] },
    ],
    finish: [
      ...jobsOf(field, [both(['rm', '-f', 'exec'], ['-t', '0'])]),
      { contestant: crun, timed: [asCrun('delete', '--force', 'exec')] },
    ],
    rounds: 25,
    goal: { share: 1 / 2, of: 'podman' },
  }
}

const podRows = (field: Field): Row[] => {
  const both = makeBoth(field)
  const up = [
    both(['pod', 'create', '--name', 'pod', '--network', 'bridge']),
    ...repeat(2, () => both(['run', '-d', '--pod', 'pod', field.image, ...IDLE])),
  ]
  // both kill at once; podman waits 10 s first unless told
  const down = both(['pod', 'rm', '-f', 'pod'], ['-t', '0'])
  return [
    {
      title: 'pod of pause + 2 on a bridge: up (3 commands)',
      jobs: jobsOf(field, up, [down]),
      rounds: 10,
      goal: { share: 1 / 4, of: 'podman' },
    },
    {
      title: 'the same, up and `pod rm -f` (4 commands)',
      jobs: jobsOf(field, [...up, down]),
      rounds: 10,
      goal: { share: 1 / 5, of: 'podman' },
    },
  ]
}

const listRow = (field: Field): Row => {
  const both = makeBoth(field)
  const names = repeat(LISTED, (i) => `listed-${i}`)
  return {
    title: `list ${LISTED} containers (\`ps -a\`)`,
    prepare: jobsOf(
      field,
      names.map((name) => both(['create', '--name', name, '--network', 'none', field.image, 'true'])),
    ),
    jobs: [...jobsOf(field, [both(['ps', '-a'])]), nodeFloor(field)],
    finish: jobsOf(field, [both(['rm', ...names])]),
    rounds: 20,
    goal: { share: 1.5, of: 'node' },
  }
}

export const makeRows = (field: Field, work: string): Row[] => [
  ...startRows(field, work),
  execRow(field, work),
  ...podRows(field),
  listRow(field),
]
