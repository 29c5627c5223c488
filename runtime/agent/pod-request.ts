/** What is asked of a pod, and what is wrong with it: said when it is made, not when it starts. */
import { Failure } from '../errors.ts'
import type { Limits } from '../spec/limits.ts'
import type { Node } from './node.ts'
import type { PodRecord } from './records.ts'

export interface PodRequest {
  name?: string | undefined
  implicit?: boolean
  hostname?: string | undefined
  share?: PodRecord['share'] | undefined
  network?: string | undefined
  publish?: string[] | undefined
  labels?: Record<string, string> | undefined
  extraHosts?: string[] | undefined
  limits?: Limits | undefined
  memoryVolumes?: PodRecord['memoryVolumes'] | undefined
  /** Directories of its own, by name; absent: not even a place for them. */
  volumes?: string[] | undefined
  played?: boolean
}

export const checkNetworkMode = (mode: string | undefined, share: PodRecord['share']): PodRecord['network'] => {
  const isDefault = mode === undefined || mode === '' || mode === 'default'
  if (!share.includes('net') && isDefault) return 'none'
  if (!share.includes('net') && mode === 'bridge')
    throw new Failure('a pod that does not share its network cannot be on the bridge', {
      id: 'pod.share-net',
      why: 'the address belongs to the pod; each container has a network namespace of its own here',
      try: '--share net,ipc,uts, or --network none',
      exitCode: 125,
      status: 400,
    })
  if (isDefault || mode === 'bridge') return 'bridge'
  if (mode === 'none' || mode === 'host') return mode
  throw new Failure(`network ${mode} not found`, {
    id: 'network.unknown',
    try: '--network bridge, none or host',
    exitCode: 125,
    status: 400,
  })
}

export const checkShare = (share: string[], node: Node): PodRecord['share'] =>
  share.map((name) => {
    if (name === 'pid' && node.cgroup === undefined)
      throw new Failure('a pod cannot share its PID namespace here', {
        id: 'pod.share-pid',
        why: 'processes that a container leaves behind can be ended only by their cgroup (cgroup.kill)',
        found: node.holder?.cgroupReason ?? 'no cgroup directory is delegated to this user',
        try: '--share net,ipc,uts',
        exitCode: 125,
        status: 400,
      })
    if (name === 'net' || name === 'ipc' || name === 'uts' || name === 'pid') return name
    throw new Failure(`invalid namespace to share '${name}'`, {
      id: 'pod.share',
      try: '--share net,ipc,uts,pid',
      exitCode: 125,
      status: 400,
    })
  })

const HOSTNAME = /^[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,62})$/

export const checkHostname = (hostname: string): string => {
  if (HOSTNAME.test(hostname) || hostname.length === 0) return hostname
  if (hostname.length > 63) return checkHostname(hostname.slice(0, 63))
  throw new Failure(`invalid hostname '${hostname}'`, {
    id: 'pod.hostname',
    try: 'letters, digits, - and ., 63 at most',
    exitCode: 125,
    status: 400,
  })
}

/** Said when the pod is made, not when it starts: a port that cannot be is a mistake of the command line. */
export const checkPublish = async (publish: readonly string[], network: PodRecord['network']): Promise<void> => {
  if (publish.length === 0) return
  if (network !== 'bridge')
    throw new Failure(`ports cannot be published with --network ${network}`, {
      id: 'ports.network',
      try: network === 'host' ? 'leave -p out: the ports are the host’s already' : '--network bridge',
      exitCode: 125,
      status: 400,
    })
  const { parsePublish } = await import('../../cni/ports.ts')
  publish.forEach((text) => parsePublish(text))
}
