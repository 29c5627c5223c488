/**
 * What a client asks for: the body of the Docker Engine API's POST /containers/create, as far as it is honoured here,
 * and this project's own part, `Glasspod`, whose texts are those of the command line.
 */
import type { Limits } from './limits.ts'

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
