import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { whenGone } from '../../../runtime/agent/when-gone.ts'
import { calls } from '../../../runtime/init/call.ts'
import { LAST_FD, flags } from '../../../runtime/init/uapi.ts'
import {
  isAlive,
  parseStat,
  readComm,
  readIdentity,
  readParent,
  readPss,
  type ProcessIdentity,
} from '../../../runtime/kernel/processes.ts'
import { launchProgram } from '../../../runtime/launch.ts'
import { planAwaitAgent, planTellPid } from '../../../runtime/plan/monitor.ts'
import { useDirectory } from '../agent/temporary.ts'

const { fresh } = useDirectory()

const NOBODY = 2 ** 22 + 1

describe('/proc/PID/stat', () => {
  it('is read behind the command, whatever that is called', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), (comm) => {
        expect(parseStat(`7 (${comm}) S 1 7`)).toEqual(['S', '1', '7'])
      }),
    )
    expect(parseStat('7 (a) Z 9 (b) R 1 7')).toEqual(['R', '1', '7'])
  })
})

describe('a process', () => {
  it('is known by its pid and the time it began', () => {
    const identity = readIdentity(process.pid)
    expect(identity).toMatchObject({ pid: process.pid })
    expect(identity !== undefined && isAlive(identity)).toBe(true)
    expect(isAlive({ pid: process.pid, startTime: (identity?.startTime ?? 0) + 1 })).toBe(false)
    expect(readParent(process.pid)).toBe(process.ppid)
  })

  it('that is gone is not there', () => {
    expect([readIdentity(NOBODY), readParent(NOBODY), readPss(NOBODY), readComm(NOBODY)]).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ])
    expect(isAlive({ pid: NOBODY, startTime: 1 })).toBe(false)
  })

  it('that nobody has waited for is dead', async () => {
    const call = calls('test', 'clone(2)')
    let parent: number | undefined
    let identity: ProcessIdentity | undefined
    const pid = await launchProgram({
      prefix: [],
      calls: [
        call('clone', [flags('SIGCHLD'), 0, 0, 0, 0], '', { onZero: 'child' }),
        call('close_range', [0, LAST_FD, 0]),
        call('ppoll', [0, 0, 0, 0, 8]),
        ...planTellPid().map((one, index) => (index === 0 ? { ...one, label: 'child' } : one)),
        ...planAwaitAgent(),
        call('exit_group', [0]),
      ],
      file: fresh(),
      onPid: (told, status) => {
        parent = readParent(told)
        identity = readIdentity(told)
        status.write('g')
      },
    })
    try {
      expect(identity !== undefined && (await whenGone(identity))).toBe(true)
      expect(parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))[0]).toBe('Z')
    } finally {
      if (parent !== undefined) process.kill(parent, 'SIGKILL')
    }
  })

  it('has a name and a share of memory', () => {
    expect(readComm(process.pid)).toBe(readFileSync('/proc/self/comm', 'utf8').trimEnd())
    expect(readPss(process.pid)).toBeGreaterThan(1024 * 1024)
  })
})
