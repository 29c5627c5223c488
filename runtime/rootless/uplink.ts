/**
 * The uplink connects the node's network namespace to the host's: a process in the host's network namespace that
 * speaks for everything behind it (network_namespaces(7), tun of netdevice(7)). It outlives the agent; what the agent
 * must remember of it is the `Uplink` value.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { closeSync, constants, openSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Failure } from '../errors.ts'
import { isAlive, readIdentity, signalProcess, type ProcessIdentity } from '../kernel/processes.ts'
import { failureFacts } from '../see/doctor/probe.ts'
import { readDevice } from '../see/doctor/device.ts'
import { readUplinkProgram, TUN, TUN_DEVICE, UPLINK_PROGRAM, type UplinkProgram } from '../see/doctor/uplink.ts'
import { planPasta, PASTA_DEVICE } from './uplink-pasta.ts'
import type { UplinkPlan } from './uplink-plan.ts'
import { HOST_GUARD, planSlirp4netns } from './uplink-slirp4netns.ts'
import { loadRules, readDeviceAddress, readHolderNamespace } from './uplink-netns.ts'

export type { UplinkProgram }

/** A running uplink: plain data, to be kept in a file. */
export interface Uplink extends ProcessIdentity {
  program: UplinkProgram
  address: string
  hostAddress?: string
  dns: string
  /** Present where ports can be opened at any time. */
  apiSocket?: string
}

export interface UplinkChoice {
  /** A process in the node's network namespace: the holder. */
  netnsPid: number
  /** Directory of ours for socket, pid file and log. */
  runDir: string
  /** Only this program; by default slirp4netns, else pasta. */
  program?: UplinkProgram | undefined
  /** Put before the program; the agent, which is inside the user namespace, needs none. */
  prefix?: readonly string[]
  /** Directories that are searched for the programs; by default PATH and the sbin directories. */
  path?: readonly string[]
  /** The tun device. */
  device?: string
  /** Who keeps pods from the host's loopback: rules of the node, HOST_GUARD (the default, where they can be loaded), or
      slirp4netns by `--disable-host-loopback`, with which a published UDP port answers no client on the host's loopback. */
  loopbackGuard?: 'slirp4netns' | 'node'
  /** Milliseconds until it must be ready. */
  timeoutMs?: number
}

const DEFAULT_TIMEOUT_MS = 10_000
const END_TIMEOUT_MS = 5_000
const POLL_MS = 2
/** The inherited descriptor after standard input, output and error. */
const INHERITED_FD = 3

const defaultPath = (): string[] => [
  ...(process.env['PATH'] ?? '').split(':'),
  '/usr/sbin',
  '/usr/bin',
  '/sbin',
  '/bin',
]

/**
 * The uplink program of this host.
 * @throws {Failure} `uplink.program`: there is none
 */
export const findUplinkProgram = (
  path: readonly string[] = defaultPath(),
  only?: UplinkProgram,
): { program: UplinkProgram; file: string } => {
  const facts = readUplinkProgram(path, only === undefined ? undefined : [only])
  if (facts.found !== undefined) return facts.found
  throw new Failure(`uplink: no ${facts.wanted.join(' and no ')} on this host`, {
    ...failureFacts(UPLINK_PROGRAM, UPLINK_PROGRAM.judge(facts)),
    exitCode: 125,
  })
}

/**
 * Opens and closes the tun device, which every uplink needs.
 * @throws {Failure} `uplink.tun`: absent (ENOENT), not for this user (EACCES), or without a driver (ENODEV, ENXIO)
 */
export const checkTun = (device = TUN): void => {
  const facts = readDevice(device)
  if (facts.errno === undefined) return
  throw new Failure(`uplink: open ${facts.device}: ${facts.errno}`, {
    ...failureFacts(TUN_DEVICE, TUN_DEVICE.judge(facts)),
    exitCode: 125,
  })
}

/** The plan for a program; descriptor 3 is the ready pipe of slirp4netns, the network namespace of pasta. Pure. */
export const planUplink = (
  program: UplinkProgram,
  { netnsPid, runDir }: Pick<UplinkChoice, 'netnsPid' | 'runDir'>,
  guarded = false,
): UplinkPlan =>
  program === 'slirp4netns'
    ? planSlirp4netns(netnsPid, runDir, INHERITED_FD, guarded)
    : planPasta(`/proc/self/fd/${INHERITED_FD}`, runDir)

const readLogTail = async (log: string): Promise<string> => {
  const text = await readFile(log, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-3).join('; ')
}

/** Resolves when the child has said that it is ready; rejects with how it ended. */
const waitUntilReady = (child: ChildProcess, ready: UplinkPlan['ready'], timeoutMs: number): Promise<void> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error(`not ready within ${timeoutMs / 1000} s`)), timeoutMs)
    const settle = (error?: Error): void => {
      clearTimeout(timer)
      if (error === undefined) resolve()
      else reject(error)
    }
    if (ready === 'byte') (child.stdio[INHERITED_FD] as Readable).once('data', () => settle())
    child.once('error', (error) => settle(error))
    child.once('exit', (code, signal) =>
      settle(ready === 'exit' && code === 0 ? undefined : new Error(`ended with ${signal ?? `exit code ${code}`}`)),
    )
  })

const launch = async (plan: UplinkPlan, choice: UplinkChoice, file: string): Promise<number> => {
  const { netnsPid, runDir, prefix = [], timeoutMs = DEFAULT_TIMEOUT_MS } = choice
  const log = join(runDir, `${plan.program}.log`)
  const [program = file, ...args] = [...prefix, file, ...plan.argv.slice(1)]
  const logFd = openSync(log, 'w', 0o600)
  const netnsFd = plan.ready === 'exit' ? openSync(readHolderNamespace(netnsPid), constants.O_RDONLY) : undefined
  let child: ChildProcess | undefined
  try {
    // detached: it must not get the agent's signals, nor hold a pipe that ends with the agent
    child = spawn(program, args, { detached: true, stdio: ['ignore', logFd, logFd, netnsFd ?? 'pipe'] })
    await waitUntilReady(child, plan.ready, timeoutMs)
    if (plan.pidFile === undefined) return child.pid ?? 0
    return Number((await readFile(plan.pidFile, 'utf8')).trim())
  } catch (error) {
    if (child?.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    throw new Failure(`uplink: ${plan.program} did not start: ${(error as Error).message}`, {
      id: `uplink.${plan.program}`,
      found: (await readLogTail(log)) || undefined,
      try: `read ${log}`,
      see: `${plan.program}(1)`,
      exitCode: 125,
    })
  } finally {
    closeSync(logFd)
    if (netnsFd !== undefined) closeSync(netnsFd)
    ;(child?.stdio[INHERITED_FD] as Readable | null | undefined)?.destroy()
    child?.unref()
  }
}

/**
 * Starts the uplink of a node and returns when it carries traffic.
 * @throws {Failure} `uplink.program`, `uplink.tun`, or `uplink.slirp4netns` and `uplink.pasta` with their last words
 */
export const startUplink = async (choice: UplinkChoice): Promise<Uplink> => {
  const { program, file } = findUplinkProgram(choice.path, choice.program)
  checkTun(choice.device)
  // Where the rules cannot be loaded it is slirp4netns' own switch: no port can be published there either, by nft(8).
  const guarded =
    program === 'slirp4netns' &&
    choice.loopbackGuard !== 'slirp4netns' &&
    (await loadRules(choice.netnsPid, HOST_GUARD, choice.prefix ?? []))
  const plan = planUplink(program, choice, guarded)
  await mkdir(choice.runDir, { recursive: true, mode: 0o700 })
  // a socket that a killed predecessor left behind would make bind(2) fail
  for (const path of [plan.apiSocket, plan.pidFile]) if (path !== undefined) await rm(path, { force: true })
  const pid = await launch(plan, choice, file).catch((error: unknown) => {
    if (program !== 'pasta') throw error
    return launch(planPasta(readHolderNamespace(choice.netnsPid), choice.runDir), choice, file)
  })
  const identity = readIdentity(pid)
  if (identity === undefined || !isAlive(identity)) {
    throw new Failure(`uplink: ${program} (pid ${pid}) ended as soon as it was ready`, {
      id: `uplink.${program}`,
      try: `read ${join(choice.runDir, `${program}.log`)}`,
      exitCode: 125,
    })
  }
  const address = plan.address ?? (await readDeviceAddress(choice.netnsPid, PASTA_DEVICE, choice.prefix ?? []))
  return {
    ...identity,
    program,
    address,
    dns: plan.dns,
    ...(plan.hostAddress === undefined ? {} : { hostAddress: plan.hostAddress }),
    ...(plan.apiSocket === undefined ? {} : { apiSocket: plan.apiSocket }),
  }
}

/** Whether the very process that was started still runs. */
export const isUplinkRunning = (uplink: Uplink): boolean => isAlive(uplink)

/** Ends the uplink and returns when it is gone; that it was gone already is no error. It has nothing to save, and
    pasta, first process of a pid namespace, does not notice a mild signal. */
export const stopUplink = async (uplink: Uplink): Promise<void> => {
  signalProcess(uplink, 'SIGKILL')
  const deadline = Date.now() + END_TIMEOUT_MS
  while (isUplinkRunning(uplink) && Date.now() < deadline) await pause(POLL_MS)
  if (uplink.apiSocket !== undefined) await rm(uplink.apiSocket, { force: true })
}
