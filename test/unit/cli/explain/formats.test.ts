import { describe, expect, it } from 'vitest'
import type { ExplainedStep } from '../../../../runtime/cli/api.ts'
import { makePaint } from '../../../../runtime/cli/colour.ts'
import { formatMermaid } from '../../../../runtime/cli/explain/mermaid.ts'
import { makeNames } from '../../../../runtime/cli/explain/names.ts'
import { formatStraceSteps } from '../../../../runtime/cli/explain/strace.ts'
import { formatStep, formatSteps, makeView, wrapCode, type Outcome } from '../../../../runtime/cli/explain/text.ts'

const steps: ExplainedStep[] = [
  {
    id: 'pod.pause',
    when: 'now',
    why: 'The pod has its own network, host name and System V objects; its containers join them, so a container can restart and keep its address.',
    man: 'unshare(1)',
    see: 'glasspod graph',
    undo: 'kill -KILL $POD_PAUSE',
    text: 'unshare --net --uts /r/pods/$POD_ID/pause',
    inside: [
      {
        id: 'pause.pid',
        why: 'Process 1 of the pod.',
        man: 'clone(2)',
        process: 'program',
        text: '',
        calls: [
          { text: 'clone(child_stack=NULL, flags=SIGCHLD)', onZero: 'one' },
          { text: 'openat(AT_FDCWD, "/x", O_RDONLY)', tolerate: ['ENOENT'], onError: 'next' },
          { text: 'goto next' },
        ],
      },
      {
        id: 'pause.wait',
        why: 'It waits.',
        man: 'sigwaitinfo(2)',
        process: 'pause',
        text: '',
        calls: [{ text: 'pause()', label: 'one' }],
      },
    ],
  },
  { id: 'net.batch', when: 'at its end', why: 'One batch.', man: 'ip(8)', text: 'ip -batch -\nlink add a\x1b' },
]
const view = () => makeView(makePaint(false), '/r')

describe('as prose', () => {
  it('gives why, what, and how to see and undo it, in 80 columns', () => {
    const text = formatSteps(steps, view())
    expect(text).toMatchInlineSnapshot(`
      "now:

      ROOT=/r
      POD=$ROOT/pods/$POD_ID
      1 pod.pause                                                           unshare(1)
          The pod has its own network, host name and System V objects; its containers
          join them, so a container can restart and keep its address.
          $ unshare --net --uts $POD/pause
          see  glasspod graph   undo kill -KILL $POD_PAUSE

      ── program ─────────────────────────────────────────────────────────────────────
          undo it ends with the process, and the namespaces with their last one

      1.1 pause.pid                                                           clone(2)
          Process 1 of the pod.
          $ clone(child_stack=NULL, flags=SIGCHLD)
            openat(AT_FDCWD, "/x", O_RDONLY)

      ── pause ───────────────────────────────────────────────────────────────────────
          undo it ends with the process, and the namespaces with their last one

      1.2 pause.wait                                                    sigwaitinfo(2)
          It waits.
          $ pause()

      at its end:

      2 net.batch                                                                ip(8)
          One batch.
          $ ip -batch -
            link add a?"
    `)
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('is as narrow as it is told', () => {
    const text = formatSteps(steps, makeView(makePaint(false), '/r', 50))
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBe(50)
  })

  it('says how a step came out, and in how many microseconds', () => {
    const [, batch = steps[0]] = steps
    if (batch === undefined) return
    const show = (outcome: Outcome) => formatStep(batch, '2', makeView(makePaint(false), ''), outcome).split('\n')
    expect(show({ ok: true, micros: 1234 })[0]).toBe(
      '✔ 2 net.batch                                                    ip(8)  1,234 µs',
    )
    expect(show({ ok: false, message: 'ip: no such device' }).slice(0, 2)).toEqual([
      '✘ 2 net.batch                                                              ip(8)',
      '    ip: no such device',
    ])
  })
})

describe('a long line', () => {
  it('is broken at a comma, a space, a colon or a slash, else anywhere, and nothing of it is lost', () => {
    expect(wrapCode('mount("overlay", "/abcdefghijklmno/qrst", 0)', 20)).toEqual([
      'mount("overlay",',
      '  "/abcdefghijklmno/',
      '  qrst", 0)',
    ])
    expect(wrapCode('x'.repeat(25), 10)).toEqual(['x'.repeat(10), `  ${'x'.repeat(8)}`, `  ${'x'.repeat(7)}`])
  })
})

describe('names', () => {
  it('stand for the root, the first pod and the first container, and are told once', () => {
    const [one, other] = ['a'.repeat(64), 'b'.repeat(64)]
    const names = makeNames('/r')
    expect(names.shorten(`/r/pods/${one}/x /r/containers/${other}/y`)).toBe('$POD/x $CONTAINER/y')
    expect(names.news()).toEqual(['ROOT=/r', `POD=$ROOT/pods/${one}`, `CONTAINER=$ROOT/containers/${other}`])
    expect(names.shorten(`/r/pods/${other} /r/pods/${one}`)).toBe(`$ROOT/pods/${other} $POD`)
    expect(names.news()).toEqual([])
  })

  it('stand for nothing where the path needs quotes, in which no shell fills in a name', () => {
    const names = makeNames('/my root')
    expect(names.shorten("rm -r '/my root/pods/x'")).toBe("rm -r '/my root/pods/x'")
    expect(names.news()).toEqual([])
  })
})

describe('as a trace', () => {
  it('is what strace would print, with the places where it branches', () => {
    expect(formatStraceSteps(steps)).toMatchInlineSnapshot(`
      "# 1 pod.pause
      $ unshare --net --uts /r/pods/$POD_ID/pause
      # 1.1 pause.pid [program]
      clone(child_stack=NULL, flags=SIGCHLD)  /* 0 -> one */
      openat(AT_FDCWD, "/x", O_RDONLY)  /* ? ENOENT -> next */
      goto next
      # 1.2 pause.wait [pause]
      one:
      pause()
      # 2 net.batch
      $ ip -batch -
      $ link add a?"
    `)
  })
})

describe('as a flowchart', () => {
  it('has a box a step, a frame a process, and an arrow from a clone to its child', () => {
    expect(formatMermaid(steps, (step, inner) => (step === 0 && inner === 0 ? '✔ ' : ''))).toMatchInlineSnapshot(`
      "flowchart TD
        s1["pod.pause<br/>unshare(1)"]
        subgraph s1_p0["program"]
        direction TB
        s1_1["✔ pause.pid<br/>clone(2)"]
        end
        subgraph s1_p1["pause"]
        direction TB
        s1_2["pause.wait<br/>sigwaitinfo(2)"]
        end
        s1_1 ==>|clone| s1_2
        s1 --> s1_1
        s2["net.batch<br/>ip(8)"]
        s1 --> s2"
    `)
  })
})
