import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { isHeld } from '../../../runtime/agent/alive.ts'
import { followLog, LogReader } from '../../../runtime/agent/log-reader.ts'
import {
  ensureFile,
  monitorFiles,
  openInput,
  prepareRun,
  readEnding,
  releaseInput,
  resizeTerminal,
  whenEnded,
} from '../../../runtime/agent/monitored.ts'
import { whenGone } from '../../../runtime/agent/when-gone.ts'
import { isAlive, readIdentity, readParent, type ProcessIdentity } from '../../../runtime/kernel/processes.ts'
import { launchProgram } from '../../../runtime/launch.ts'
import { planScript, type Monitored } from '../launch-monitored.ts'
import { useDirectory } from './temporary.ts'

const { fresh } = useDirectory()
const started: ProcessIdentity[] = []
// A test that fails leaves nothing running.
afterEach(() => {
  for (const identity of started.splice(0)) if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
})

const makeDirectory = () => {
  const directory = fresh()
  mkdirSync(directory)
  prepareRun(directory)
  return directory
}
const run = async (options: Omit<Monitored, 'directory'>, directory = makeDirectory()) => {
  let input: Socket | undefined
  const pid = await launchProgram({
    prefix: [],
    calls: planScript({ directory, ...options }),
    file: `${directory}/init`,
    onPid: (told, status) => {
      const identity = readIdentity(told)
      if (identity !== undefined) started.push(identity)
      if (options.openStdin !== true) return
      input = openInput(directory)
      releaseInput(status)
    },
  })
  return { directory, pid, monitor: readParent(pid) ?? 0, input }
}
const readLog = (directory: string) => {
  const streams = { 1: '', 2: '' }
  const reader = new LogReader(monitorFiles(directory).log)
  reader.read(({ stream, bytes }) => (streams[stream] += bytes.toString()))
  reader.close()
  return streams
}
const killAndWait = async (directory: string, pid: number) => {
  process.kill(pid, 'SIGKILL')
  await whenEnded(directory)
}

describe('the record of an end', () => {
  const record = (status: number, seconds = 1_700_000_000n, nanoseconds = 123_456_789n) => {
    const directory = makeDirectory()
    const bytes = Buffer.alloc(24)
    bytes.writeUInt32LE(status, 0)
    bytes.writeBigInt64LE(seconds, 8)
    bytes.writeBigInt64LE(nanoseconds, 16)
    writeFileSync(monitorFiles(directory).exit, bytes)
    return readEnding(directory)
  }

  it.each([
    ['exit 0', 0x0000, { exitCode: 0, signal: undefined }],
    ['exit 255', 0xff00, { exitCode: 255, signal: undefined }],
    ['SIGKILL', 9, { exitCode: 137, signal: 9 }],
    ['SIGSEGV with a core', 11 | 0x80, { exitCode: 139, signal: 11 }],
  ])('of wait(2): %s', (_, status, ending) =>
    expect(record(status)).toEqual({ ...ending, finishedAt: '2023-11-14T22:13:20.123Z' }),
  )

  it('is none where there is none', () => expect(readEnding(fresh())).toBe(undefined))

  // What rename without fsync leaves after a power failure: the agent that adopts it must not fall over it, at each start.
  it('is none where it is empty', () => {
    const directory = makeDirectory()
    writeFileSync(monitorFiles(directory).exit, '')
    expect(readEnding(directory)).toBe(undefined)
  })

  it('of the last run goes before the next, and the log stays', () => {
    const directory = makeDirectory()
    writeFileSync(monitorFiles(directory).exit, 'old')
    writeFileSync(monitorFiles(directory).log, 'lines')
    prepareRun(directory)
    expect(readdirSync(directory)).toEqual(['log'])
    ensureFile(monitorFiles(directory).log)
    expect(readFileSync(monitorFiles(directory).log, 'utf8')).toBe('lines')
    expect(statSync(monitorFiles(directory).log).mode & 0o077).toBe(0)
  })
})

describe('a program under a monitor', () => {
  it('has its output in the log, by stream, and its end on record', async () => {
    const { directory } = await run({ script: 'echo out; echo err >&2; exit 3' })
    expect(await whenEnded(directory)).toMatchObject({ exitCode: 3, signal: undefined })
    expect(readLog(directory)).toEqual({ 1: 'out\n', 2: 'err\n' })
    expect(readdirSync(directory).sort()).toEqual(['alive', 'exit', 'log'])
  })

  it('ended when it did, by the clock', async () => {
    const before = Date.now()
    const { directory } = await run({ script: 'exit 0' })
    const { finishedAt } = await whenEnded(directory)
    expect(Date.parse(finishedAt)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(finishedAt)).toBeLessThanOrEqual(Date.now())
  })

  it('is killed: 128 and the signal', async () => {
    const { directory, pid } = await run({ script: 'exec sleep 1000' })
    process.kill(pid, 'SIGTERM')
    expect(await whenEnded(directory)).toMatchObject({ exitCode: 143, signal: 15 })
  })

  it('ends unknown when its monitor is killed', async () => {
    const { directory, monitor } = await run({ script: 'exec sleep 1000' })
    process.kill(monitor, 'SIGKILL')
    expect(await whenEnded(directory)).toMatchObject({ exitCode: undefined, signal: undefined })
  })

  it('has no descriptor of the runtime', async () => {
    const { directory } = await run({ script: 'ls -l /proc/self/fd | wc -l' })
    await whenEnded(directory)
    // Its three, the directory that ls reads, and the line with the total.
    expect(readLog(directory)[1].trim()).toBe('5')
  })

  it('may open its standard output again', async () => {
    const { directory } = await run({ script: 'echo again > /proc/self/fd/1; echo too > /dev/fd/2' })
    await whenEnded(directory)
    expect(readLog(directory)).toEqual({ 1: 'again\n', 2: 'too\n' })
  })

  it('is over when it ends, whatever it left behind with its output', async () => {
    const { directory } = await run({ script: 'sleep 1000 & echo $!' })
    const { exitCode } = await whenEnded(directory)
    const left = readLog(directory)[1]
    expect([exitCode, left]).toEqual([0, expect.stringMatching(/^[1-9]\d+\n$/)])
    process.kill(Number(left), 'SIGKILL')
  })

  it('loses no byte of much output', async () => {
    const { directory } = await run({ script: 'seq 1 200000' })
    await whenEnded(directory)
    const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('')
    expect(readLog(directory)[1] === expected).toBe(true)
  })

  it('has a monitor that holds nothing that anybody waits for', async () => {
    const { directory, pid, monitor } = await run({ script: 'exec sleep 1000' })
    expect(isHeld(monitorFiles(directory).alive)).toBe(true)
    // Closed: what the container or a pump waits for the end of. Beyond that, what this test runner itself left open.
    const fds = readdirSync(`/proc/${monitor}/fd`).map(Number)
    expect(fds.filter((fd) => fd > 2 && fd < 100)).toEqual([])
    expect(readlinkSync(`/proc/${monitor}/fd/100`)).toBe(monitorFiles(directory).alive)
    await killAndWait(directory, pid)
    expect(isHeld(monitorFiles(directory).alive)).toBe(false)
  })

  it('has no input where none was asked for', async () => {
    const { directory } = await run({ script: 'cat; echo end' })
    expect(openInput(directory)).toBe(undefined)
    await whenEnded(directory)
    expect(readLog(directory)[1]).toBe('end\n')
  })

  it('reads what is sent until the input is closed', async () => {
    const { directory, input } = await run({ script: 'cat; echo end', openStdin: true })
    input?.write('typed\n')
    input?.end('more\n')
    expect(await whenEnded(directory)).toMatchObject({ exitCode: 0 })
    expect(readLog(directory)[1]).toBe('typed\nmore\nend\n')
  })

  it('keeps its input when whoever wrote to it is gone, if it is to be kept', async () => {
    const script = 'read line; echo "$line"; read line; echo "$line"'
    const { directory, input } = await run({ script, openStdin: true, keepStdin: true })
    const closed = new Promise((resolve) => input?.once('close', resolve))
    input?.end('one\n')
    await closed
    openInput(directory)?.end('two\n')
    await whenEnded(directory)
    expect(readLog(directory)[1]).toBe('one\ntwo\n')
  })

  it('is not told of an end of its input before the agent holds it', async () => {
    const { directory, input } = await run({ script: 'read line; echo "got $line"', openStdin: true })
    input?.write('x\n')
    await whenEnded(directory)
    expect(readLog(directory)[1]).toBe('got x\n')
  })
})

describe('a program on a terminal', () => {
  const size = { rows: 33, columns: 99 }

  it('has a terminal of its size, which is its controlling one', async () => {
    const { directory } = await run({
      script: 'stty size; tty | cut -c-8; echo err >&2; ps -o tty= -p $$ > /dev/tty; exit 4',
      terminal: size,
    })
    expect(await whenEnded(directory)).toMatchObject({ exitCode: 4 })
    const { 1: text, 2: other } = readLog(directory)
    expect(text).toMatch(/^33 99\r\n\/dev\/pts\r\nerr\r\npts\/\d+ *\r\n$/)
    expect(other).toBe('')
  })

  it('is typed to, and Ctrl-C is a signal', async () => {
    const { directory } = await run({
      script: 'trap "echo trapped; exit 7" INT; echo ready; read x; echo "$x"; read y',
      terminal: size,
    })
    const input = openInput(directory)
    let text = ''
    let heard: (() => void) | undefined
    const follower = followLog(monitorFiles(directory).log, 0, ({ bytes }) => {
      text += bytes.toString()
      heard?.()
    })
    const see = (word: string) =>
      new Promise<void>((resolve) => {
        heard = () => text.includes(word) && resolve()
        heard()
      })
    await see('ready')
    input?.write('hello\n')
    await see('hello\r\nhello\r\n')
    input?.write('\x03')
    expect(await whenEnded(directory)).toMatchObject({ exitCode: 7 })
    follower.stop()
    input?.destroy()
    expect(text).toContain('trapped')
  })

  it('is told of a new size', async () => {
    const { directory, monitor, pid } = await run({
      script: 'trap "stty size; exit 0" WINCH; echo ready; while :; do read x; done',
      terminal: size,
    })
    const log = monitorFiles(directory).log
    await new Promise<void>((resolve) => {
      const follower = followLog(log, 0, () => {
        resolve()
        queueMicrotask(() => follower.stop())
      })
    })
    try {
      await resizeTerminal(monitor, { rows: 50, columns: 132 }, directory)
    } catch (error) {
      process.kill(pid, 'SIGKILL')
      throw error
    }
    await whenEnded(directory)
    expect(readLog(directory)[1]).toContain('50 132')
  })

  it('leaves no pump behind', async () => {
    const { directory, pid, monitor } = await run({ script: 'echo ready; exec sleep 1000', terminal: size })
    const pumps = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((one) => one !== pid && readParent(one) === monitor)
      .map((one) => readIdentity(one))
    expect(pumps).toHaveLength(2)
    await killAndWait(directory, pid)
    expect(existsSync(monitorFiles(directory).exit)).toBe(true)
    // Killed last, and so gone a moment after the monitor.
    expect(await Promise.all(pumps.map(async (pump) => pump === undefined || (await whenGone(pump))))).toEqual([
      true,
      true,
    ])
  })
})

describe('a resize', () => {
  it('of a process that is gone says so', async () => {
    await expect(resizeTerminal(2 ** 22 + 1, { rows: 1, columns: 1 }, makeDirectory())).rejects.toThrow('ESRCH')
  })
})
