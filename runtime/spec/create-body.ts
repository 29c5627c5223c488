/**
 * What a client asks for: the body of the Docker Engine API's POST /containers/create, as far as it is honoured here,
 * and this project's own part, `Glasspod`, whose texts are those of the command line.
 */
import { LIMIT_FIELDS, type Limits } from './limits.ts'
import { RESTART_SHAPE, type RestartPolicy } from './restart.ts'
import { TEXTS, type Fields, type Shape } from './shape.ts'

export interface CreateBody {
  Image?: string
  Cmd?: string[] | string | null
  Entrypoint?: string[] | string | null
  Env?: string[] | null
  WorkingDir?: string
  User?: string
  Hostname?: string
  Labels?: Record<string, string> | null
  Tty?: boolean
  OpenStdin?: boolean
  StdinOnce?: boolean
  StopSignal?: string
  ExposedPorts?: Record<string, unknown> | null
  HostConfig?: HostConfig | null
  Glasspod?: GlasspodConfig | null
}

export interface HostConfig extends Limits {
  Binds?: string[] | null
  NetworkMode?: string
  PortBindings?: Record<string, { HostIp?: string; HostPort?: string }[] | null> | null
  CapAdd?: string[] | null
  CapDrop?: string[] | null
  ReadonlyRootfs?: boolean
  Tmpfs?: Record<string, string> | null
  AutoRemove?: boolean
  RestartPolicy?: RestartPolicy | null
  SecurityOpt?: string[] | null
  ExtraHosts?: string[] | null
  /** 0: as the agent's. */
  OomScoreAdj?: number
  Ulimits?: { Name: string; Soft: number; Hard: number }[] | null
  ConsoleSize?: [number, number] | null
}

export interface GlasspodConfig {
  publish?: string[]
  ulimits?: string[]
  noPivot?: boolean
}

const TEXT_MAP: Shape = { each: 'text' }
const SIZE: Shape = { list: 'number' }

export const CREATE_SHAPE: Fields = {
  fields: {
    ...{ Image: 'text', Cmd: 'command', Entrypoint: 'command', Env: TEXTS, WorkingDir: 'text', User: 'text' },
    ...{ Hostname: 'text', Labels: TEXT_MAP, Tty: 'flag', OpenStdin: 'flag', StdinOnce: 'flag', StopSignal: 'text' },
    HostConfig: {
      fields: {
        ...{ Binds: TEXTS, NetworkMode: 'text', CapAdd: TEXTS, CapDrop: TEXTS, ReadonlyRootfs: 'flag' },
        ...{ Tmpfs: TEXT_MAP, AutoRemove: 'flag', SecurityOpt: TEXTS, ExtraHosts: TEXTS },
        ...{ ...LIMIT_FIELDS, OomScoreAdj: 'number', ConsoleSize: SIZE },
        RestartPolicy: RESTART_SHAPE,
        PortBindings: { each: { list: { fields: { HostIp: 'text', HostPort: 'text' } } } },
        Ulimits: { list: { fields: { Name: 'text', Soft: 'number', Hard: 'number' } } },
      },
    },
    Glasspod: {
      fields: { publish: TEXTS, ulimits: TEXTS, noPivot: 'flag' },
    },
  },
}

/** Of POST /containers/ID/exec (agent/execs.ts). */
export const EXEC_SHAPE: Fields = {
  fields: {
    ...{ Cmd: 'command', Env: TEXTS, User: 'text', WorkingDir: 'text' },
    ...{ Tty: 'flag', AttachStdin: 'flag', ConsoleSize: SIZE },
  },
}
