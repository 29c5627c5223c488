import { spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calls } from '../../../runtime/init/call.ts'
import type { Arg, Step } from '../../../runtime/plan/step.ts'
import { explainCalls, explainSteps, formatStep } from '../../../runtime/see/explain.ts'

const why = { id: 'x.y', why: 'Because.', man: 'mount(8)' } as const

describe('a step as shell', () => {
  const enter = (...argv: Arg[]): Step => ({ ...why, kind: 'enter', argv, program: '/c/init', inside: [] })

  it.each<[Step, string]>([
    [enter('unshare', "it's", '', 'a b', '--'), `unshare 'it'\\''s' '' 'a b' -- /c/init`],
    [enter('kill', { from: 'pod.pause' }), 'kill $POD_PAUSE /c/init'],
    [
      enter('nsenter', { from: 'pod.pause', text: (pid) => `--net=/proc/${pid}/ns/net` }),
      'nsenter --net=/proc/$POD_PAUSE/ns/net /c/init',
    ],
    [{ ...why, kind: 'write', path: '/g/pids.max', value: '7' }, 'echo 7 > /g/pids.max'],
    [{ ...why, kind: 'write', path: '/g/x', value: 'a b' }, "echo 'a b' > /g/x"],
    [{ ...why, kind: 'write', path: '/c/config.json', value: 'x'.repeat(1000) }, 'cat > /c/config.json'],
    [{ ...why, kind: 'mkdir', path: '/g', mode: 0o700 }, 'mkdir -p -m 700 /g'],
    [{ ...why, kind: 'write', path: '/c/log', value: '' }, ': >> /c/log'],
    [{ ...why, kind: 'signal', pid: 7, signal: 15 }, 'kill -TERM 7'],
    [{ ...why, kind: 'call', effect: 'remove', input: {}, shell: 'rm -r /c' }, 'rm -r /c'],
    [{ ...why, kind: 'call', effect: 'fetch', input: { a: '1', b: ['2', '3'] } }, 'fetch a=1 b=2,3'],
  ])('%#', (step, text) => expect(formatStep(step)).toBe(text))

  it('means to a shell what it means to us', () => {
    const word = fc.string({ maxLength: 8 }).filter((text) => !/[\0$]/.test(text))
    fc.assert(
      fc.property(fc.array(word, { maxLength: 4 }), (argv) => {
        const line = formatStep(enter('printf', '%s\\0', ...argv))
        const printed = spawnSync('sh', ['-c', line], { encoding: 'utf8' }).stdout
        expect(printed).toBe([...argv, '/c/init'].map((one) => `${one}\0`).join(''))
      }),
      { numRuns: 40 },
    )
  })

  it('quotes a path with a space', () => {
    expect(formatStep({ ...why, kind: 'mkdir', path: '/a b' })).toBe("mkdir -p '/a b'")
  })
})

describe('calls', () => {
  const call = calls('mounts.proc', 'proc(5)', 'findmnt')

  it('of one step are one, with its reason and a line each', () => {
    const steps = explainCalls([
      call('a', []),
      call('b', [1], 'Because.'),
      call('c', []),
      calls('x', 'kill(2)')('d', []),
    ])
    expect(steps).toEqual([
      {
        id: 'mounts.proc',
        kind: 'syscall',
        why: 'Because.',
        man: 'proc(5)',
        see: 'findmnt',
        undo: 'the mounts end with their namespace',
        process: 'program',
        text: 'a()\nb(1)\nc()',
        calls: [{ text: 'a()' }, { text: 'b(1)' }, { text: 'c()' }],
      },
      {
        id: 'x',
        kind: 'syscall',
        why: '',
        man: 'kill(2)',
        see: 'cat /proc/self/status',
        undo: 'it ends with the process',
        process: 'program',
        text: 'd()',
        calls: [{ text: 'd()' }],
      },
    ])
  })

  it('with a second reason are a second step', () => {
    expect(explainCalls([call('a', [], 'One.'), call('b', [], 'Two.')]).map(({ why }) => why)).toEqual(['One.', 'Two.'])
  })
})

describe('steps', () => {
  it('carry what takes them back, and what is inside', () => {
    const undo: Step = { ...why, kind: 'mkdir', path: '/g' }
    const enter: Step = {
      ...why,
      kind: 'enter',
      argv: [],
      program: '/p',
      inside: [calls('i', 'kill(2)')('kill', [1, 9])],
      see: 'ps',
      undo,
    }
    expect(explainSteps([enter])).toEqual([
      {
        id: 'x.y',
        kind: 'enter',
        why: 'Because.',
        man: 'mount(8)',
        see: 'ps',
        undo: 'mkdir -p /g',
        text: '/p',
        inside: [
          {
            id: 'i',
            kind: 'syscall',
            why: '',
            man: 'kill(2)',
            see: 'cat /proc/self/status',
            undo: 'it ends with the process',
            process: 'program',
            text: 'kill(1, 9)',
            calls: [{ text: 'kill(1, 9)' }],
          },
        ],
      },
    ])
  })

  it('of files and directories, and of what is done to them, say by themselves what shows them and takes them back', () => {
    const steps: Step[] = [
      { ...why, kind: 'mkdir', path: '/a b' },
      { ...why, kind: 'write', path: '/f', value: 'x' },
      { ...why, id: 'cgroups.pids.max', kind: 'write', path: '/g/pids.max', value: '9' },
      { ...why, id: 'node.controllers', kind: 'write', path: '/g/cgroup.subtree_control', value: '+cpu' },
      { ...why, id: 'container.thaw', kind: 'write', path: '/g/cgroup.freeze', value: '0' },
      { ...why, id: 'network.detach', kind: 'call', effect: 'x', input: {} },
    ]
    expect(explainSteps(steps).map(({ see, undo }) => [see, undo])).toEqual([
      ["ls -ld '/a b'", "rmdir '/a b'"],
      ['cat /f', 'rm /f'],
      ['cat /g/pids.max', 'it goes with its directory'],
      ['cat /g/cgroup.subtree_control', 'it goes with its directory'],
      ['cat /g/cgroup.freeze', 'glasspod pause NAME'],
      ['glasspod graph', 'cannot be taken back'],
    ])
  })
})
