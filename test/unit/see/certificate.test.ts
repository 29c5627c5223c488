import { describe, expect, it } from 'vitest'
import { certify, wasOomKilled, type Evidence } from '../../../runtime/see/certificate.ts'

const MiB = 1024 * 1024
const at = '2025-01-01T00:00:00.000Z'
const killed: Evidence = { exitCode: 137, signal: 9 }
const quiet = { high: 0, max: 0, oom: 0, oomKill: 0 }

describe('SIGKILL', () => {
  it.each<[string, Evidence, string]>([
    [
      'of the OOM killer, for its own limit',
      { ...killed, memory: { ...quiet, oom: 1, oomKill: 1 }, memoryLimit: 64 * MiB, memoryPeak: 64 * MiB },
      'the OOM killer ended it: its memory limit of 64MiB was reached; it used 64MiB at most',
    ],
    [
      'of the OOM killer, for its pod’s limit',
      { ...killed, memory: { ...quiet, oomKill: 1 }, memoryLimit: 64 * MiB, podOom: 1, podLimit: 32 * MiB },
      'the OOM killer ended it: the memory limit of 32MiB of its pod was reached',
    ],
    [
      'of the OOM killer, for nobody’s limit here',
      { ...killed, memory: { ...quiet, oomKill: 1 }, podOom: 0 },
      'the OOM killer ended it: the memory of the machine, or of a cgroup above its pod, was used up',
    ],
    [
      'of glasspod kill, though the OOM killer has ended a process before',
      { ...killed, memory: { ...quiet, oom: 1, oomKill: 2 }, asked: { verb: 'kill', signal: 9, at } },
      'glasspod kill killed it; the OOM killer had ended 2 of its processes: its memory limit was reached',
    ],
    [
      'of glasspod stop, after its patience',
      { ...killed, asked: { verb: 'stop', signal: 15, at, killedAt: '2025-01-01T00:00:10.004Z' } },
      'glasspod stop asked with SIGTERM, waited 10 s, and killed it',
    ],
    [
      'of somebody else, which memory.events shows',
      { ...killed, memory: quiet },
      'killed by SIGKILL from outside: not by glasspod, not by the OOM killer (memory.events has oom_kill 0)',
    ],
    [
      'of somebody else, which the machine’s counter shows where there is no controller',
      { ...killed, machineOomKills: 0 },
      'killed by SIGKILL from outside: not by glasspod, not by the OOM killer (it was not called on this machine meanwhile)',
    ],
    [
      'of the kernel, when the pause process was process 1 of all',
      { ...killed, memory: quiet, processOne: 12 },
      'the kernel ended it with its PID namespace: process 1 of that, the pause process of its pod (pid 12), had been ended from outside',
    ],
    [
      'of glasspod, because its pod could not go on',
      { ...killed, asked: { verb: 'pod', lostPause: 12, signal: 15, at, killedAt: '2025-01-01T00:00:10.004Z' } },
      'glasspod asked with SIGTERM, waited 10 s, and killed it, because the pause process of its pod (pid 12) had been ended from outside',
    ],
    [
      'of nobody knows whom',
      { ...killed, machineOomKills: 1 },
      'killed by SIGKILL from outside: not by glasspod, and without the memory controller nobody can say whether by the OOM killer',
    ],
    [
      'from outside, after a signal of ours that it took in its stride',
      { ...killed, memory: quiet, asked: { verb: 'kill', signal: 1, at } },
      'killed by SIGKILL from outside: not by glasspod, not by the OOM killer (memory.events has oom_kill 0)',
    ],
  ])('%s', (_, evidence, sentence) => expect(certify(evidence)).toBe(sentence))
})

describe('another end', () => {
  it.each<[Evidence, string]>([
    [{ exitCode: 0 }, 'it ended by itself with exit code 0'],
    [
      { exitCode: 5, asked: { verb: 'stop', signal: 15, at } },
      'it ended by itself with exit code 5; glasspod stop had sent SIGTERM',
    ],
    [{ exitCode: 137 }, 'it ended by itself with exit code 137 (as a shell says it of SIGKILL)'],
    [{ exitCode: 255 }, 'it ended by itself with exit code 255'],
    [
      { exitCode: 137, memory: { ...quiet, oom: 1, oomKill: 1 }, memoryLimit: MiB },
      'it ended by itself with exit code 137 (as a shell says it of SIGKILL); ' +
        'the OOM killer had ended 1 of its processes: its memory limit of 1MiB was reached',
    ],
    [{ exitCode: 139, signal: 11 }, 'SIGSEGV ended it: it touched memory that is not its own'],
    [{ exitCode: 143, signal: 15 }, 'SIGTERM ended it, which glasspod had not sent'],
    [
      { exitCode: 143, signal: 15, asked: { verb: 'stop', signal: 15, at } },
      'SIGTERM ended it, which glasspod stop had sent',
    ],
    [
      { exitCode: 7, asked: { verb: 'pod', lostPause: 12, signal: 15, at } },
      'it ended by itself with exit code 7; glasspod had sent SIGTERM, because the pause process of its pod (pid 12) had been ended from outside',
    ],
    [{}, 'unknown: its monitor was killed, so nobody has its exit status'],
    [
      { exitCode: 1, pidsRefused: 3, pidsLimit: 20 },
      'it ended by itself with exit code 1; its limit of 20 processes refused 3 more',
    ],
  ])('%j', (evidence, sentence) => expect(certify(evidence)).toBe(sentence))
})

it('OOM killed is who had a process ended so', () => {
  expect([
    wasOomKilled({}),
    wasOomKilled({ memory: quiet }),
    wasOomKilled({ memory: { ...quiet, oomKill: 1 } }),
  ]).toEqual([false, false, true])
})
