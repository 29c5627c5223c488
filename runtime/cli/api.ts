/** What the agent answers, as far as it is printed: Docker Engine API, and /glasspod/. */
export interface ContainerSummary {
  Id: string
  Names: string[]
  Image: string
  Command: string
  Created: number
  State: string
  Status: string
  Ports?: Port[]
}
export interface Port {
  IP?: string
  PrivatePort: number
  PublicPort?: number
  Type: string
}
export interface ContainerInspect {
  Id: string
  State: { Running: boolean; StartedAt: string }
  Config: { Tty: boolean; OpenStdin: boolean }
  HostConfig?: { AutoRemove?: boolean }
}
interface CpuStatistics {
  cpu_usage: { total_usage: number }
  system_cpu_usage?: number
  online_cpus?: number
}
export interface Statistics {
  id: string
  name: string
  cpu_stats: CpuStatistics
  precpu_stats: CpuStatistics
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> }
  pids_stats: { current?: number }
  blkio_stats: { io_service_bytes_recursive: { op: string; value: number }[] | null }
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>
}
export interface ImageSummary {
  Id: string
  RepoTags: string[] | null
  RepoDigests?: string[] | null
  Created: number
  Size: number
}
export interface Created {
  Id: string
  Warnings?: string[] | null
}
export interface WaitAnswer {
  StatusCode: number
  Error?: { Message: string } | null
}
export interface PodSummary {
  Id: string
  Name: string
  Status: string
  Created: number | string
  Containers: { Id: string; Name: string; State: string }[]
  IP?: string
  Ports?: (string | Port)[]
}
export interface AgentStatus {
  pid: number
  startedAt: string
  uptimeSeconds: number
  memory: { pssBytes: number; rssBytes: number }
  containers: { running: number; total: number }
  pods: number
  buildId: string
  version: string
  root: string
  socket: string
}
export interface ExplainedStep {
  id: string
  why: string
  man: string
  see?: string
  undo?: string
  kind?: string
  /** The exact command or call. */
  text: string
  inside?: ExplainedStep[]
}
export interface Graph {
  namespaces: string[]
  rows: { pod: string; name: string; kind: string; pid: number; inodes: Record<string, number | undefined> }[]
}
export interface CgroupNode {
  path: string
  name: string
  kind: string
  processes: { pid: number; name: string }[]
  facts: Record<string, number | string>
  children: CgroupNode[]
}
export interface CgroupTree extends CgroupNode {
  available: boolean
  reason?: string
}
export interface PullEvent {
  status?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  error?: string
  errorDetail?: Record<string, unknown>
  aux?: { ID?: string }
}
