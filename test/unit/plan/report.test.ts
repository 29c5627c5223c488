import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { calls, type Call } from '../../../runtime/init/call.ts'
import { compileProgram } from '../../../runtime/init/program.ts'
import { LAST_FD, flags } from '../../../runtime/init/uapi.ts'
import { groupCalls } from '../../../runtime/plan/groups.ts'
import { planFatal } from '../../../runtime/plan/monitor.ts'
import { DONE_FRAME, parseDone, planReported } from '../../../runtime/plan/report.ts'

const a = calls('a', 'a(2)')
const b = calls('b', 'b(2)', 'ps')

describe('groups', () => {
  it('are the calls of a step, with the first reason that one of them gives, and its man page', () => {
    const list = [a('one', []), { ...a('two', [], 'Because.'), man: 'two(2)' as const }, a('three', []), b('four', [])]
    expect(groupCalls(list).map(({ id, why, man, calls }) => [id, why, man, calls.length])).toEqual([
      ['a', 'Because.', 'two(2)', 3],
      ['b', '', 'b(2)', 1],
    ])
  })

  it('know whose calls they are, and which of them the agent still hears', () => {
    const list = [
      a('clone', [flags('SIGCHLD')], '', { onZero: 'pump.stdout' }),
      a('clone', [flags('SIGCHLD')], '', { onZero: 'inside' }),
      b('close_range', [3, LAST_FD, 0]),
      b('wait4', []),
      a('read', [], '', { label: 'pump.stdout' }),
      a('setsid', [], '', { label: 'inside' }),
      b('close_range', [3, 3, flags('CLOSE_RANGE_CLOEXEC')]),
      ...planFatal(),
    ]
    expect(groupCalls(list).map(({ id, process, heard }) => `${id} ${process} ${heard}`)).toEqual([
      'a monitor true',
      'b monitor false',
      'a log pump of stdout false',
      'a container true',
      'b container true',
      'status.failure whoever failed false',
    ])
  })
})

describe.runIf(['x64', 'arm64'].includes(process.arch))('a program that reports', () => {
  let directory = ''
  beforeAll(() => (directory = mkdtempSync(`${tmpdir()}/glasspod-report-`)))
  afterAll(() => rmSync(directory, { recursive: true }))

  const run = (list: readonly Call[]) => {
    const path = `${directory}/program`
    writeFileSync(path, compileProgram(list).elf, { mode: 0o755 })
    const { output, status } = spawnSync(path, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    return { status, stdout: String(output[1]), reports: Buffer.from(output[3] ?? '') }
  }

  const list: Call[] = [
    a('getpid', []),
    a('nanosleep', [{ words: [0, 2_000_000] }, 0], 'Two milliseconds.'),
    b('chdir', ['/nonexistent'], '', { tolerate: ['ENOENT'], onError: 'there' }),
    b('exit_group', [9]),
    { ...a('write', [1, 'made\n', 5]), label: 'there' },
    b('exit_group', [4]),
    ...planFatal(),
  ]

  it('does what it would do without, jumps included', () => {
    expect(run(planReported(list))).toMatchObject({ status: 4, stdout: 'made\n' })
    expect(run(list)).toMatchObject({ status: 4, stdout: 'made\n' })
  })

  it('tells each step that comes to its end, by its number, and how long it took', () => {
    const { reports } = run(planReported(list))
    expect(reports.length).toBe(2 * DONE_FRAME)
    const [first, second] = [parseDone(reports), parseDone(reports.subarray(DONE_FRAME))]
    // The second jumps away, the last one ends: neither comes to its end.
    expect([first.group, second.group]).toEqual([0, 2])
    expect(first.micros).toBeGreaterThanOrEqual(2000)
  })
})
