import { describe, expect, it } from 'vitest'
import { DEFAULT_PATH, planExecute } from '../../../runtime/plan/execve.ts'
import { strace } from './strace.ts'

const plan = (args: string[], env: string[] = ['PATH=/usr/bin:/bin']) => strace(planExecute({ args, env, cwd: '/srv' }))
const tried = (args: string[], env: string[]) => [
  ...new Set(planExecute({ args, env, cwd: '/' }).flatMap(({ call, args }) => (call === 'execve' ? [args[0]] : []))),
]

describe('the last calls of a program', () => {
  it('look in each directory of PATH, twice', () => {
    expect(plan(['ls', '-l'])).toMatchInlineSnapshot(`
      "close_range(4, ~0U, 0)
      close_range(3, 3, CLOSE_RANGE_CLOEXEC)
      chdir("/srv")
      execve("/usr/bin/ls", ["ls", "-l"], ["PATH=/usr/bin:/bin"]) ?ENOENT|ENOTDIR|EACCES
      execve("/bin/ls", ["ls", "-l"], ["PATH=/usr/bin:/bin"]) ?ENOENT|ENOTDIR|EACCES
      execve("/usr/bin/ls", ["ls", "-l"], ["PATH=/usr/bin:/bin"]) ?ENOENT|ENOTDIR
      execve("/bin/ls", ["ls", "-l"], ["PATH=/usr/bin:/bin"]) ?"
    `)
  })

  it('take a name with a slash as it is', () => {
    expect(plan(['./run', 'x'], ['A=b'])).toMatchInlineSnapshot(`
      "close_range(4, ~0U, 0)
      close_range(3, 3, CLOSE_RANGE_CLOEXEC)
      chdir("/srv")
      execve("./run", ["./run", "x"], ["A=b"]) ?"
    `)
  })

  it.each([
    ['without PATH, the usual directories', [], DEFAULT_PATH.split(':').map((directory) => `${directory}/ls`)],
    ['an empty entry is the working directory', ['PATH=:/bin'], ['ls', '/bin/ls']],
    ['a slash too many does no harm', ['PATH=/bin//:/'], ['/bin/ls', '/ls']],
    ['the first PATH counts', ['PATH=/a', 'PATH=/b'], ['/a/ls']],
    ['another name is none', ['XPATH=/a', 'PATH=/b'], ['/b/ls']],
  ])('%s', (_, env, paths) => expect(tried(['ls'], env)).toEqual(paths))

  it('stop at the last answer, whatever it is', () => {
    for (const path of ['/a', '/a:/b', '/a:/b:/c'])
      expect(planExecute({ args: ['ls'], env: [`PATH=${path}`], cwd: '/' }).at(-1)?.tolerate).toEqual([])
  })

  // CVE-2024-21626: a working directory below /proc/self/fd must find nothing of the runtime's there.
  it('let go of the descriptors before they enter the working directory', () => {
    const order = planExecute({ args: ['/x'], env: [], cwd: '/' }).map(({ call }) => call)
    expect(order.indexOf('close_range')).toBeLessThan(order.indexOf('chdir'))
  })
})
