/** What the agent keeps of its pods and containers, as files that survive it: written by rename, whole or not at all. */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { errnoOf } from '../errors.ts'
import type { ProcessIdentity } from '../kernel/processes.ts'
import type { Asked, Evidence } from '../see/certificate.ts'
import type { CreateBody } from '../spec/create-body.ts'
import type { Limits } from '../spec/limits.ts'
import type { MemoryVolume } from '../spec/manifest/request.ts'
import type { OciResources } from '../spec/oci.ts'
import type { StorageDriver } from '../spec/storage-drivers.ts'

export type ContainerStatus = 'created' | 'running' | 'restarting' | 'exited'

/** Counters of others at the start of a run: what they say at its end is counted from here. */
export interface Baseline {
  podOom?: number
  machineOomKills?: number
}

/** Why a run ended, and by what that is known. */
export interface Death {
  reason: string
  oomKilled: boolean
  evidence: Evidence
}

export interface ContainerRecord {
  id: string
  name: string
  podId: string
  image: { id: string; name: string; diffIds: string[] }
  created: string
  /** What makes its root of the layers, for all its life; overlay where nothing is said. */
  driver?: StorageDriver
  /** What was asked for, as the API took it. */
  body: CreateBody
  /** The image's; what asks it to end where the request names none. */
  stopSignal?: string
  status: ContainerStatus
  process?: ProcessIdentity
  monitor?: ProcessIdentity
  startedAt?: string
  finishedAt?: string
  /** As a shell counts: 128 + n for signal n. Undefined where nobody knows: the monitor was killed. */
  exitCode?: number
  /** Why it did not start, or that its end is unknown. */
  error?: string
  /** Counters when this run started. */
  baseline?: Baseline
  /** Who asked this run to end; noted before it is done, so that it survives the agent. */
  asked?: Asked
  /** Why the last run ended. */
  death?: Death
  /** How the run before this one ended, where its policy has started it again (Kubernetes’ lastState). */
  last?: { exitCode: number | undefined; finishedAt: string | undefined; reason: string | undefined }
  /** Where this run's part of the log starts, in bytes. */
  logStart: number
  /** How often its policy has started it since somebody did. */
  restarts: number
  /** Of its restart policy: the last wait before an attempt, and when the next one is due (RFC 3339). */
  restart?: { delayMs: number; due: string }
}

export interface PodRecord {
  id: string
  name: string
  /** Made for one container by `run` or `create`, and gone with it. */
  implicit: boolean
  hostname: string
  share: ('net' | 'ipc' | 'uts' | 'pid')[]
  network: 'bridge' | 'none' | 'host'
  publish: string[]
  labels: Record<string, string>
  extraHosts: string[]
  /** Tmpfs that its containers can share. */
  memoryVolumes?: MemoryVolume[]
  /** Made by `play`: what `down` removes. */
  played?: boolean
  /** As they were asked for, and as its cgroup directory gets them. */
  limits?: Limits
  resources?: OciResources
  created: string
  pause?: ProcessIdentity
  /** Its last pause process, where that ended and nobody had asked for it; until the pod is started again. */
  lost?: { pid: number; at: string }
  ip?: string
  /** It was removed, and is here until its address is given back. */
  goes?: true
}

/** One JSON file in a directory a thing: <directory>/<id>/<file>. */
export class Records<T extends { id: string }> {
  readonly directory: string
  private readonly file: string

  constructor(directory: string, file: string) {
    this.directory = directory
    this.file = file
    mkdirSync(directory, { recursive: true, mode: 0o700 })
  }

  pathOf(id: string): string {
    return `${this.directory}/${id}`
  }

  write(record: T): void {
    const path = `${this.pathOf(record.id)}/${this.file}`
    writeFileSync(`${path}.tmp`, JSON.stringify(record, null, 2), { mode: 0o600 })
    renameSync(`${path}.tmp`, path)
  }

  /** Of what has happened already: it is so, also where a full disk does not take the note. */
  note(record: T): void {
    try {
      this.write(record)
    } catch (error) {
      console.error(`${this.pathOf(record.id)}/${this.file}:`, error)
    }
  }

  /** What an earlier agent left; a directory without a whole file is the remains of a creation, and is named. */
  readAll(): { records: T[]; remains: string[] } {
    const records: T[] = []
    const remains: string[] = []
    for (const id of readdirSync(this.directory)) {
      try {
        records.push(JSON.parse(readFileSync(`${this.pathOf(id)}/${this.file}`, 'utf8')) as T)
      } catch (error) {
        // Remains are deleted: only what was never finished is one. What cannot be read may hold a user's data.
        if (errnoOf(error) === 'ENOENT') remains.push(this.pathOf(id))
        else console.error(`${this.pathOf(id)}/${this.file} is left alone:`, error)
      }
    }
    return { records, remains }
  }
}
