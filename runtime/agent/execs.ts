/** Further processes in running containers. They live as long as their process; the agent keeps them in memory only. */
import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { Failure } from '../errors.ts'
import { readIdentity, readParent, type ProcessIdentity } from '../kernel/processes.ts'
import { NAMESPACES, readNamespaceInode } from '../kernel/namespaces.ts'
import { executeSteps, type Watch } from '../execute.ts'
import { planExec, planExecFiles, planExecStart } from '../plan/exec.ts'
import type { Step } from '../plan/step.ts'
import { mergeEnv, planProcess, words } from '../spec/config.ts'
import { buildConfig, rootDirectories } from './bundle.ts'
import type { Container } from './containers.ts'
import type { Discards } from './discards.ts'
import { readLayeredFile, type Images } from './images.ts'
import { notRunning, openInput, releaseInput, whenEnded } from './monitored.ts'
import { newId, unknownThing } from './naming.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { Leaves } from './leaves.ts'

/** Body of the Docker API's POST /containers/ID/exec. */
export interface ExecBody {
  Cmd?: string[] | string | null
  Env?: string[] | null
  User?: string
  WorkingDir?: string
  Tty?: boolean
  AttachStdin?: boolean
  ConsoleSize?: [number, number] | null
}

export class Exec {
  readonly id = newId()
  readonly events = new EventEmitter()
  readonly container: Container
  readonly body: ExecBody
  readonly directory: string
  process: ProcessIdentity | undefined
  monitor: ProcessIdentity | undefined
  input: Socket | undefined
  state: 'created' | 'running' | 'exited' = 'created'
  exitCode: number | undefined

  constructor(container: Container, body: ExecBody) {
    this.container = container
    this.body = body
    this.directory = `${container.directory}/exec-${this.id.slice(0, 12)}`
  }
}

interface Parts {
  node: Node
  pods: Pods
  images: Images
  leaves: Leaves
  /** By rename: the monitor of what was refused may still be writing. */
  discards: Discards
}

/** Ended execs that can still be asked for their exit code. */
const KEPT = 100

export class Execs {
  private readonly all = new Map<string, Exec>()
  private readonly parts: Parts

  constructor(parts: Parts) {
    this.parts = parts
  }

  create(container: Container, body: ExecBody): Exec {
    if (!container.isRunning) throw notRunning(container.record.name)
    const cmd = words(body.Cmd) ?? []
    if (cmd.length === 0)
      throw new Failure('no exec command specified', { id: 'exec.command', status: 400, exitCode: 125 })
    const exec = new Exec(container, { ...body, Cmd: cmd })
    this.all.set(exec.id, exec)
    const ended = [...this.all.values()].filter(({ state }) => state === 'exited')
    if (ended.length > KEPT) this.all.delete(ended[0]?.id ?? '')
    return exec
  }

  find(id: string): Exec {
    const exec = this.all.get(id)
    if (exec === undefined) throw unknownThing('exec instance', id)
    return exec
  }

  /** Makes its log, so that a client can follow it from the first byte. */
  async prepare(exec: Exec, watch?: Watch): Promise<void> {
    try {
      await executeSteps(planExecFiles(exec.directory), { effects: {}, watch })
    } catch (error) {
      this.fail(exec, error)
      throw error
    }
  }

  /** Nothing of it runs, and nothing of it stays. */
  private fail(exec: Exec, error: unknown): void {
    exec.state = 'exited'
    exec.exitCode = error instanceof Failure ? (error.facts.exitCode ?? 125) : 125
    exec.events.emit('failed')
    this.parts.discards.discard(exec.directory)
  }

  /** What starts it; it is not made by asking. */
  async plan({ container, body, directory }: Pick<Exec, 'container' | 'body' | 'directory'>): Promise<Step[]> {
    const { node, pods, images, leaves } = this.parts
    const { record } = container
    if (!container.isRunning || record.process === undefined) throw notRunning(record.name)
    const { pid } = record.process
    const image = await images.find(record.image.id)
    const pod = pods.get(record.podId)
    const config = buildConfig({ node, pods, pod, container: record, image })
    const directories = rootDirectories(node, record, image)
    const process = planProcess({
      hostname: pod.hostname,
      image: { ...image.config, env: config.process.env, user: record.body.User ?? image.config.user },
      passwd: readLayeredFile(directories, '/etc/passwd'),
      group: readLayeredFile(directories, '/etc/group'),
      body: {
        Cmd: body.Cmd ?? [],
        Entrypoint: [],
        User: body.User === undefined || body.User === '' ? (record.body.User ?? '') : body.User,
        WorkingDir: body.WorkingDir === undefined || body.WorkingDir === '' ? config.process.cwd : body.WorkingDir,
        Tty: body.Tty ?? false,
        HostConfig: record.body.HostConfig ?? null,
      },
    })
    process.env = mergeEnv(config.process.env, body.Tty === true ? ['TERM=xterm'] : [], body.Env ?? [])
    const size = body.ConsoleSize
    const calls = planExec({
      pid,
      namespaces: NAMESPACES.filter(
        (name) => name !== 'user' && readNamespaceInode(pid, name) !== readNamespaceInode('self', name),
      ),
      directory,
      cgroup: leaves.of(record),
      openStdin: body.AttachStdin === true,
      terminalSize: size ? { rows: size[0], columns: size[1] } : undefined,
      process,
      seccomp: config.linux.seccomp,
      setGroups: node.host.mappedIds > 1,
      lastCap: node.host.lastCap,
    })
    return planExecStart(directory, calls)
  }

  async start(exec: Exec, watch?: Watch): Promise<void> {
    const { body, directory } = exec
    if (exec.state !== 'created')
      throw new Failure(`exec ${exec.id.slice(0, 12)} was started before`, { id: 'exec.state', status: 409 })
    try {
      await executeSteps(await this.plan(exec), {
        effects: {},
        watch,
        onPid: (_, pid, status) => {
          exec.process = readIdentity(pid)
          const parent = readParent(pid)
          exec.monitor = parent === undefined ? undefined : readIdentity(parent)
          if (body.AttachStdin !== true) return
          exec.input = openInput(directory)
          releaseInput(status)
        },
      })
    } catch (error) {
      this.fail(exec, error)
      throw error
    }
    exec.state = 'running'
    void this.watch(exec)
  }

  private async watch(exec: Exec): Promise<void> {
    const { exitCode } = await whenEnded(exec.directory)
    exec.state = 'exited'
    exec.exitCode = exitCode
    this.end(exec)
  }

  private end(exec: Exec): void {
    exec.input?.destroy()
    exec.events.emit('end')
    this.parts.discards.discard(exec.directory)
  }
}
