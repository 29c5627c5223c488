/** A real terminal on our side (script(1) makes one), and a real one in the container. */
import { execa } from 'execa'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { makeRoot, readAgentPid } from '../fixtures/glasspod.ts'
import { onTerminal } from '../fixtures/on-terminal.ts'

const root = makeRoot()
const run = (command: string, flags = '-it --rm') => `glasspod run ${flags} --network none ${root.image} ${command}`

beforeAll(root.seedImage)
afterEach(async () => {
  for (const id of (await root.ok(['ps', '-aq'])).split('\n').filter(Boolean)) await root.ok(['rm', '-f', id])
})
afterAll(root.teardown)

describe('run -it', () => {
  test('tty(1) names a terminal, for all three streams', async () => {
    const terminal = onTerminal(root, run(`sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all three'`))
    await terminal.child
    expect(terminal.seen()).toMatch(/\/dev\/(pts\/\d+|console)\r+\nall three\r+\n/)
  })

  test('its size is ours, for the very first command too', async () => {
    const terminal = onTerminal(root, run('stty size'))
    await terminal.child
    expect(terminal.seen().trim()).toBe('24 80')
  })

  test('our terminal is raw in both directions: a bare line feed of the container stays one', async () => {
    const terminal = onTerminal(root, run(`sh -c 'stty -opost; printf "a\\nb\\n"'`))
    await terminal.child
    expect(terminal.seen()).toContain('a\nb\n')
  })

  test('what is typed arrives, and the exit code comes back', async () => {
    const terminal = onTerminal(root, `${run('sh')}; echo "code $?"`)
    await terminal.untilSeen(/[#$] /)
    terminal.type('echo $((6 * 7)); exit 9\r')
    await terminal.child
    expect(terminal.seen()).toContain('42')
    expect(terminal.seen()).toContain('code 9')
  })

  test('Ctrl-C reaches the foreground process, and only that', async () => {
    const terminal = onTerminal(
      root,
      `${run(`sh -c 'trap "echo interrupted" INT; echo ready; sleep 1000; echo after'`)}; echo "code $?"`,
    )
    await terminal.untilSeen('ready')
    terminal.type('\u0003')
    await terminal.child
    expect(terminal.seen()).toContain('interrupted')
    expect(terminal.seen()).toContain('after')
    expect(terminal.seen()).toContain('code 0')
  })

  test('Ctrl-D is the end of input', async () => {
    const terminal = onTerminal(root, `${run('cat')}; echo "code $?"`)
    terminal.type('line\r')
    await terminal.untilSeen(/line\r+\nline\r+\n/)
    terminal.type('\u0004')
    await terminal.child
    expect(terminal.seen()).toContain('code 0')
  })

  test('a new size is told', async () => {
    // stty sets rows and columns by a call each, and each is told: the first one alone may be seen before the second
    const told = 'stty size; [ "$(stty size)" != "50 132" ] || exit'
    const script = run(`sh -c 'told() { ${told}; }; trap told WINCH; echo ready; while :; do sleep 0.1; done'`)
    const resize = `tty=$(tty); (while [ ! -e ${root.dir}.go ]; do sleep 0.05; done; stty -F "$tty" rows 50 cols 132; kill -WINCH 0) &`
    const terminal = onTerminal(root, `trap : WINCH; ${resize} ${script}; rm -f ${root.dir}.go`)
    await terminal.untilSeen('ready')
    await execa('touch', [`${root.dir}.go`])
    await terminal.untilSeen('50 132')
    await terminal.child
  })

  test('our terminal is as it was afterwards, and works on when the agent is killed', async () => {
    const terminal = onTerminal(root, `stty -g; ${run('sh')}; echo "code $?"; stty -g`)
    await terminal.untilSeen(/[#$] /)
    process.kill(await readAgentPid(root), 'SIGKILL')
    terminal.type('echo $((6 * 7))\r')
    await terminal.untilSeen('42\r')
    terminal.type('stty size; tty; exit 9\r')
    await terminal.child
    expect(terminal.seen()).toMatch(/24 80\r+\n\/dev\/(pts\/\d+|console)\r+\n/)
    expect(terminal.seen()).toContain('code 9')
    const states = terminal
      .seen()
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => /^[0-9a-f:]{30,}$/.test(line))
    expect(states).toHaveLength(2)
    expect(states[1]).toBe(states[0])
  })
})

describe('exec -it', () => {
  test('has a terminal of its own, and our size', async () => {
    await root.ok(['run', '-d', '--name', 'host', '--network', 'none', root.image, 'sleep', '1000'])
    const terminal = onTerminal(root, `glasspod exec -it host sh -c 'tty; exit 3'; echo "code $?"`)
    await terminal.child
    expect(terminal.seen()).toMatch(/\/dev\/pts\/\d+\r+\n/)
    expect(terminal.seen()).toContain('code 3')
    const sized = onTerminal(root, 'glasspod exec -it host stty size')
    await sized.child
    expect(sized.seen().trim()).toBe('24 80')
  })
})

test('-t without a terminal is refused where input is asked for', async () => {
  const { exitCode, stderr } = await root.run(['--rm', '-it', '--network', 'none'], ['true'])
  expect(exitCode).toBe(125)
  expect(stderr).toContain('error: the input device is not a TTY')
})

test('-t without -i gives a terminal, and its output has its line ends', async () => {
  const { stdout } = await root.run(
    ['--rm', '-t', '--network', 'none'],
    ['sh', '-c', 'test -t 1 && echo one && echo two'],
  )
  expect(stdout).toBe('one\r\ntwo')
})

describe('a question', () => {
  test.each(['\u0003', '\u0004'])('is answered with no by %j', async (key) => {
    const terminal = onTerminal(root, 'glasspod system reset; echo "code $?"')
    await terminal.untilSeen('[y/N]')
    terminal.type(key)
    await terminal.child
    expect(terminal.seen()).toContain('code 1')
    expect(terminal.seen()).not.toContain('bug')
  })

  test('for a name that is not answered is a failure, and no success', async () => {
    const terminal = onTerminal(root, 'glasspod login localhost:1; echo "code $?"')
    await terminal.untilSeen('Username')
    terminal.type('\u0004')
    await terminal.child
    expect(terminal.seen()).toMatch(/error: there was no answer[^]*code 125/)
  })
})
