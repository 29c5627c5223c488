/**
 * Starts an init program: writes the executable, spawns it (behind nsenter(1) or unshare(1), where the plan says so),
 * and waits until it tells its pid and closes the status descriptor by becoming what it was to become.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { basename, dirname } from 'node:path'
import { constants } from 'node:os'
import { Failure, type FailureFacts } from './errors.ts'
import type { Call } from './init/call.ts'
import { compileProgram, type Program } from './init/program.ts'
import { STATUS_FRAME } from './plan/monitor.ts'
import { hintFor } from './plan/hints.ts'
import { DONE, DONE_FRAME, parseDone, planReported, type Done } from './plan/report.ts'

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
  env?: NodeJS.ProcessEnv
}

/** What the program told: its pid as the host counts. The promise rejects with a Failure that names the step. */
export const launchProgram = async ({ prefix, calls, file, onPid, onDone, env }: Launch): Promise<number> => {
  const program = compileProgram(onDone === undefined ? calls : planReported(calls))
  const errorFile = `${file}.err`
  writeFileSync(file, program.elf, { mode: 0o700, flag: 'w' })
  const stderr = openSync(errorFile, 'w', 0o600)
  try {
    return await runProgram(
      [...prefix, `./${basename(file)}`],
      dirname(file),
      program,
      stderr,
      errorFile,
      { onPid, onDone },
      env,
    )
  } finally {
    closeSync(stderr)
    rmSync(file, { force: true })
    rmSync(errorFile, { force: true })
  }
}

const runProgram = async (
  [command = '', ...args]: string[],
  cwd: string,
  program: Program,
  stderr: number,
  errorFile: string,
  { onPid, onDone }: { onPid: Launch['onPid']; onDone: Launch['onDone'] },
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> => {
  const child = spawn(command, args, { detached: true, stdio: ['ignore', 'ignore', stderr, 'pipe'], cwd, env })
  child.unref()
  const status = child.stdio[3] as Socket
  const frames: Buffer[] = []
  let pid: number | undefined
  let refused: Refusal | undefined
  let fail: (error: unknown) => void = () => undefined
  const failed = new Promise<never>((_, reject) => {
    fail = reject
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        new Failure(`start ${command}: ${error.code ?? error.message}`, {
          id: 'process.spawn',
          try: error.code === 'ENOENT' ? `install the package that has ${command} (util-linux)` : undefined,
        }),
      ),
    )
  })
  const told = new Promise<void>((resolve) => {
    status.on('data', (chunk: Buffer) => {
      frames.push(chunk)
      let bytes = Buffer.concat(frames)
      for (; bytes.length >= STATUS_FRAME; bytes = bytes.subarray(STATUS_FRAME)) {
        const frame = bytes.subarray(0, STATUS_FRAME)
        const errno = Number(frame.readBigInt64LE(8))
        if (errno === DONE) {
          if (bytes.length < DONE_FRAME) break
          onDone?.(parseDone(bytes))
          bytes = bytes.subarray(DONE_FRAME - STATUS_FRAME)
        } else if (errno < 0) refused = { address: frame.readBigUInt64LE(0), errno: -errno }
        else {
          pid = Number(frame.toString('latin1').replace(/\0.*$/s, ''))
          try {
            onPid?.(pid, status)
          } catch (error) {
            // A full disk, while the pid is noted: the caller's to tell, and not the end of the agent.
            fail(error)
            status.destroy()
          }
        }
      }
      frames.splice(0, frames.length, bytes)
    })
    status.once('close', resolve)
    status.once('error', () => resolve())
  })
  child.once('exit', (code) => {
    if (code !== 0 && child.pid !== undefined) endGroup(child.pid)
  })
  await Promise.race([told, failed])
  if (refused !== undefined) throw await describeFailure(program, refused, cwd)
  if (pid === undefined) throw await describeEarlyEnd(child, command, errorFile)
  return pid
}

/** unshare(1) with --map-auto leaves its helper waiting for ever when it fails: with our end of the status in its hands. */
const endGroup = (pid: number): void => {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // nobody was left
  }
}

/** The program never spoke: what ran it (unshare, nsenter) failed, and said why on its standard error. */
const describeEarlyEnd = async (
  child: ReturnType<typeof spawn>,
  command: string,
  errorFile: string,
): Promise<Failure> => {
  if (child.exitCode === null && child.signalCode === null) await new Promise((resolve) => child.once('exit', resolve))
  const said = readFileSync(errorFile, 'utf8').trim()
  const ending = child.signalCode ?? `exit code ${child.exitCode}`
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

const describeFailure = async (program: Program, { address, errno }: Refusal, directory: string): Promise<Failure> => {
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
  return new Failure(sentence, { id: call.id, see: call.man, ...(await findReason(call.id, name, directory)) })
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
