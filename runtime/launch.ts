/**
 * Starts an init program: writes the executable, spawns it (behind nsenter(1) or unshare(1), where the plan says so),
 * and waits until it tells its pid and closes the status descriptor by becoming what it was to become.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { constants } from 'node:os'
import { Failure, type FailureFacts } from './errors.ts'
import type { Call } from './init/call.ts'
import { compileProgram, type Program } from './init/program.ts'
import { STATUS_FRAME } from './plan/monitor.ts'
import { groupCalls } from './plan/groups.ts'
import { hintFor } from './plan/hints.ts'
import {
  BEFORE,
  BEFORE_FRAME,
  DONE,
  DONE_FRAME,
  parseBefore,
  parseDone,
  planReported,
  type Before,
  type Done,
} from './plan/report.ts'

export interface Launch {
  /** What runs the program: ['nsenter', '--net=/proc/7/ns/net', '--'], or nothing. */
  prefix: readonly string[]
  calls: readonly Call[]
  /** Path of the throw-away executable. It is called by its name alone: a container may see how a process was called. */
  file: string
  /** Called once the program told its pid and before it is done: its status socket takes a byte. */
  onPid?: (pid: number, status: Socket) => void
  /** Told of each step that is made, as the program reports it. */
  onDone?: (done: Done) => void
  /** Asked before each step; the program waits for the answer, and ends where it is false. Needs `onDone`. */
  onBefore?: ((before: Before) => Promise<boolean>) | undefined
  env?: NodeJS.ProcessEnv
  /** Makes it a child of this process, with pipes for what it prints, and hands that over before anything is told. */
  onChild?: (child: ChildProcess) => void
}

/** Where a program's process comes from. */
export interface Birth {
  argv: readonly string[]
  directory: string
  /** Takes what is said on standard error. */
  errorFile: string
}

/** Starts it, as one connection: what the program has as its status descriptor. Undefined: not in this way. */
export type Starter = (birth: Birth) => Socket | undefined

let starter: Starter | undefined

/** From now on programs are started by this one where it can, and by this process itself where not. */
export const startBy = (other: Starter | undefined): void => void (starter = other)

/** What the program told: its pid as the host counts. The promise rejects with a Failure that names the step. */
export const launchProgram = async (launch: Launch): Promise<number> => {
  const { prefix, calls, file, onDone, onBefore, env, onChild } = launch
  const program = compileProgram(onDone === undefined ? calls : planReported(calls, onBefore !== undefined))
  const birth = { argv: [...prefix, `./${basename(file)}`], directory: dirname(file), errorFile: `${file}.err` }
  writeFileSync(file, program.elf, { mode: 0o700, flag: 'w' })
  try {
    const status = env === undefined && onChild === undefined ? starter?.(birth) : undefined
    let heard = status === undefined ? undefined : await hear(status, launch)
    let ended = ENDED
    if (heard === undefined || heard.unborn) {
      const child = spawnChild(birth, env, onChild)
      heard = await Promise.race([hear(child.stdio[3] as Socket, launch), whenRefused(child, birth)])
      ended = () => describeEnd(child)
    }
    if (heard.refused !== undefined) throw await describeFailure(program, heard.refused, birth)
    if (heard.left !== undefined) throw describeLeft(calls, heard.left)
    if (heard.pid === undefined) throw await describeEarlyEnd(birth, await ended())
    return heard.pid
  } finally {
    rmSync(file, { force: true })
    rmSync(birth.errorFile, { force: true })
  }
}

/** By fork and exec of this process itself. */
const spawnChild = (
  { argv: [command = '', ...args], directory, errorFile }: Birth,
  env = process.env,
  onChild?: Launch['onChild'],
) => {
  const stderr = openSync(errorFile, 'w', 0o600)
  try {
    const child = spawn(command, args, {
      detached: true,
      stdio: [
        'ignore',
        ...(onChild === undefined ? (['ignore', stderr] as const) : (['pipe', 'pipe'] as const)),
        'pipe',
      ],
      cwd: directory,
      env,
    })
    onChild?.(child)
    child.unref()
    child.once('exit', (code) => {
      if (code !== 0 && child.pid !== undefined) endGroup(child.pid)
    })
    return child
  } finally {
    closeSync(stderr)
  }
}

type Child = ReturnType<typeof spawnChild>

const whenRefused = (child: Child, { argv: [command = ''] }: Birth): Promise<never> =>
  new Promise((_, reject) =>
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Failure(`start ${command}: ${error.code ?? error.message}`, {
          id: 'process.spawn',
          try: error.code === 'ENOENT' ? `install the package that has ${command} (util-linux)` : undefined,
        }),
      ),
    ),
  )

interface Heard {
  pid?: number
  refused?: Refusal
  /** The group that was not to be made. */
  left?: number
  /** The starter could not. */
  unborn: boolean
}

/** What is told on the status descriptor, until its last holder has closed it. */
const hear = (
  status: Socket,
  { onPid, onDone, onBefore }: Pick<Launch, 'onPid' | 'onDone' | 'onBefore'>,
): Promise<Heard> =>
  new Promise((resolve, reject) => {
    const heard: Heard = { unborn: false }
    let rest: Buffer = Buffer.alloc(0)
    const answer = async (before: Before) => {
      if (await onBefore?.(before).catch(() => false)) return void status.write('n')
      heard.left = before.group
      status.end()
    }
    status.on('data', (chunk: Buffer) => {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (; bytes.length >= STATUS_FRAME; bytes = bytes.subarray(STATUS_FRAME)) {
        const frame = bytes.subarray(0, STATUS_FRAME)
        const errno = Number(frame.readBigInt64LE(8))
        if (errno === DONE) {
          if (bytes.length < DONE_FRAME) break
          onDone?.(parseDone(bytes))
          bytes = bytes.subarray(DONE_FRAME - STATUS_FRAME)
        } else if (errno === BEFORE) {
          if (bytes.length < BEFORE_FRAME) break
          void answer(parseBefore(bytes))
          bytes = bytes.subarray(BEFORE_FRAME - STATUS_FRAME)
        } else if (errno < 0) heard.refused ??= { address: frame.readBigUInt64LE(0), errno: -errno }
        else if (frame[0] === 0) heard.unborn = true
        else {
          heard.pid = Number(frame.toString('latin1').replace(/\0.*$/s, ''))
          try {
            onPid?.(heard.pid, status)
          } catch (error) {
            // A full disk, while the pid is noted: the caller's to tell, and not the end of the agent.
            reject(error instanceof Error ? error : new Error(String(error)))
            status.destroy()
          }
        }
      }
      rest = bytes
    })
    status.once('close', () => resolve(heard))
    status.once('error', () => {
      // Nobody takes requests any more, and nothing was started.
      if (status.connecting || status.bytesRead === 0) heard.unborn = true
    })
  })

/** unshare(1) with --map-auto leaves its helper waiting for ever when it fails: with our end of the status in its hands. */
const endGroup = (pid: number): void => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody was left
  }
}

/** Of a program that another process has started, nobody hears more. */
const ENDED = (): Promise<string> => Promise.resolve('ended before it said anything')

const describeEnd = async (child: Child): Promise<string> => {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve))
  return child.signalCode ?? `exit code ${child.exitCode}`
}

/** Somebody stepped through it, and has stopped here. */
export const leftAt = (id: string): Failure =>
  new Failure(`left before step ${id}`, { id: 'step.left', why: 'what was made before it has been taken back' })

const describeLeft = (calls: readonly Call[], group: number): Failure => leftAt(groupCalls(calls)[group]?.id ?? '')

/** The program never spoke: what ran it (unshare, nsenter) failed, and said why on its standard error. */
const describeEarlyEnd = async ({ argv: [command = ''], errorFile }: Birth, ending: string): Promise<Failure> => {
  const said = readFileSync(errorFile, 'utf8').trim()
  return new Failure(`${command}: ${said === '' ? ending : said.replace(/^\S+: /, '')}`, {
    id: `process.${command.split('/').at(-1)}`,
    ...(await findReason(`process.${command.split('/').at(-1)}`, said, dirname(errorFile))),
  })
}

/** What is known of such an error; where a probe knows more, what it finds on this machine now. */
const findReason = async (step: string, error: string, directory: string): Promise<FailureFacts> => {
  const { probes = [], ...facts } = hintFor(step, error)
  if (probes.length === 0) return facts
  const { diagnose } = await import('./see/doctor/diagnose.ts')
  return { ...(await diagnose(probes, directory)), ...facts }
}

interface Refusal {
  /** Of the call's record. */
  address: bigint
  errno: number
}

const describeFailure = async (program: Program, { address, errno }: Refusal, birth: Birth): Promise<Failure> => {
  const call = program.callAt(address)
  const name = ERRNO_NAME.get(errno) ?? `errno ${errno}`
  if (call === undefined) return new Failure(`init program: ${name}`, { id: 'process.init' })
  if (call.id === 'process.exec') return describeExec(call, name)
  // What is written is not what it is written to: the step's name says more.
  const texts = (call.call === 'write' ? [] : call.args).flatMap((arg) => {
    if (typeof arg === 'string' && arg !== '') return [arg]
    // names in a layer are bytes
    return call.id.startsWith('layer.') && typeof arg === 'object' && 'bytes' in arg ? [arg.shown] : []
  })
  const sentence = `${[call.call, ...(texts.length > 0 ? texts : [call.id])].join(' ')}: ${describeErrno(name)}`
  const reason = await findReason(call.id, name, birth.directory)
  // of a program that it has started
  const said = readFileSync(birth.errorFile, 'utf8').trim().split('\n').at(-1) ?? ''
  const found = [said, reason.found ?? ''].filter((text) => text !== '').join('; ')
  return new Failure(sentence, { id: call.id, see: call.man, ...reason, ...(found === '' ? {} : { found }) })
}

/** 127: there is no such program; 126: there is, and it cannot be executed (as a shell has it). */
const describeExec = ({ args: [, argv] }: Call, name: string): Failure => {
  const [first] = typeof argv === 'object' && 'words' in argv ? argv.words : []
  const program = typeof first === 'string' ? first : ''
  const missing = name === 'ENOENT' || name === 'ENOTDIR'
  const what = missing && !program.includes('/') ? 'not found in $PATH of the container' : describeErrno(name)
  return new Failure(`execute ${JSON.stringify(program)}: ${what}`, {
    id: 'process.exec',
    see: 'execve(2)',
    status: 400,
    exitCode: missing ? 127 : 126,
    ...hintFor('process.exec', name),
  })
}

/** Not util.getSystemErrorName: libuv has no ENOEXEC, ECHILD or EDQUOT. EAGAIN before EWOULDBLOCK, which is the same. */
const ERRNO_NAME = new Map(
  Object.entries(constants.errno)
    .toReversed()
    .map(([name, number]) => [number, name]),
)

const ERRNO_TEXT: Record<string, string> = {
  EPERM: 'operation not permitted',
  EACCES: 'permission denied',
  ENOENT: 'no such file or directory',
  EINVAL: 'invalid argument',
  ENOSYS: 'not in this kernel',
  ENOTDIR: 'not a directory',
  ENOEXEC: 'not an executable format',
  ENOSPC: 'no space left',
  EBUSY: 'busy',
  ELOOP: 'a symbolic link on the way',
  EROFS: 'read-only filesystem',
}

const describeErrno = (name: string) => (ERRNO_TEXT[name] === undefined ? name : `${name} (${ERRNO_TEXT[name]})`)
