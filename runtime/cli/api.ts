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
  /** Of the manifest. */
  Digest: string
  Created: number
  Size: number
}
/** One of the two; a line of `rmi`. */
export interface RemovedName {
  Untagged?: string
  Deleted?: string
}
export interface HistoryStep {
  Id: string
  Created: number
  CreatedBy: string
  Size: number
  Comment: string
}
export interface ImageTree {
  Id: string
  Digest: string
  Names: string[]
  Size: number
  Layers: { Digest: string; DiffId: string; Size: number; Unpacked: number; CreatedBy: string; SharedWith: string[] }[]
  Paths: {
    Path: string
    Resolved: string
    Owner: string | null
    Layers: { Digest: string; Does: string; Size: number }[]
  }[]
}
export interface DiskUsage {
  LayersSize: number
  Images: (ImageSummary & { SharedSize: number; Containers: number })[]
  Containers: (ContainerSummary & { SizeRw: number })[]
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
export interface ExplainedCall {
  text: string
  label?: string
  tolerate?: string[] | 'any'
  onError?: string
  onZero?: string
}
export interface ExplainedStep {
  id: string
  why: string
  man: string
  see?: string
  undo?: string
  kind?: string
  /** At once, or at the end of what is started. */
  when?: string
  /** The exact command, or a line a call. */
  text: string
  /** Of a step inside a program: which of its processes makes it. */
  process?: string
  /** And whether that process has closed its reports: nothing is told of it then, and nothing stops before it. */
  unheard?: true
  calls?: ExplainedCall[]
  inside?: ExplainedStep[]
}
export interface GraphRow {
  /** Empty for what belongs to the node. */
  pod: string
  name: string
  /** holder, agent, pause or container. */
  kind: string
  pid: number
  inodes: Record<string, number | undefined>
}
export interface IdRange {
  inside: number
  outside: number
  count: number
}
export interface GraphPort {
  hostIp: string
  hostPort: number
  containerPort: number
  protocol: string
}
/** A pod's cable to the bridge. */
export interface GraphLink {
  pod: string
  /** The end in the pod, and the other one. */
  device: string
  veth?: string
  bridge?: string
  addresses: string[]
  ports: GraphPort[]
}
export interface GraphNetwork {
  /** The node's network namespace; absent until a pod asks for a network. */
  inode?: number
  uplink?: { program: string; pid: number; address: string; dns: string }
  missing?: string
  bridges: { name: string; addresses: string[] }[]
  links: GraphLink[]
}
export interface Explanation {
  root: string
  steps: ExplainedStep[]
}
/** Between two steps of --step: what the kernel says of the process that is being made. */
export interface Moment {
  pid?: number
  state?: Record<string, string[]>
  changes: { about: string; gone: string[]; come: string[] }[]
}
/** Of GET /glasspod/trace/NAME; lists and steps are numbered from 0. */
export type TraceEvent =
  /** `warnings`: of steps that are left out. */
  | { root: string; warnings?: string[] }
  | { list: number; steps: ExplainedStep[] }
  | { list: number; began: number }
  | ({ list: number; before: number; group?: number } & Moment)
  | { list: number; done: number; group?: number; micros?: number }
  | { list: number; failed: number; message: string }
  | { end: true }
export interface Graph {
  namespaces: string[]
  rows: GraphRow[]
  /** The node's; outside are the ids of the one around it. */
  userNamespace: { inode?: number; users: IdRange[]; groups: IdRange[] }
  /** Where the command line is: the one around it, as a rule the host's. */
  parentUserNamespace?: number
  cgroup: CgroupTree
  network: GraphNetwork
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
  /** What to do about it. */
  remedy?: string
}
/** Of a pull, a push or another transfer of images. */
export interface PullEvent {
  status?: string
  id?: string
  progressDetail?: { current?: number; total?: number }
  error?: string
  errorDetail?: Record<string, unknown>
  stream?: string
  aux?: { ID?: string; Digest?: string }
}
