/** A document of `kind: Pod` becomes what is asked of the agent: one pod, and the containers in it. */
import type { RestartPolicy } from '../restart.ts'
import { containerReader, type ContainerManifest } from './container.ts'
import { readLabel, readSubdomain } from './names.ts'
import {
  fields,
  listOf,
  matching,
  oneOf,
  readFlag,
  readTexts,
  refusedUnless,
  requireField,
  type Node,
  type Problems,
} from './node.ts'
import { OTHER_KINDS, REFUSED_IN_METADATA, REFUSED_IN_SPEC } from './refused.ts'
import { readPodSecurity, type PodSecurity } from './security.ts'
import { readVolume, type Volume } from './volumes.ts'

export interface PodManifest {
  name: string
  hostname: string
  labels: Record<string, string>
  share: ('net' | 'ipc' | 'uts' | 'pid')[]
  network: 'bridge' | 'host'
  /** NAME:IP, as --add-host. */
  extraHosts: string[]
  restart: RestartPolicy
  volumes: Volume[]
  containers: ContainerManifest[]
}

/** The pod's policy is that of each of its containers. */
const RESTART = { Always: 'always', OnFailure: 'on-failure', Never: 'no' } as const

const readMetadata = fields(
  {
    name: readSubdomain,
    labels: readTexts,
    namespace: refusedUnless('default', 'there are no namespaces of Kubernetes here'),
  },
  REFUSED_IN_METADATA,
)

const readHostAlias = (node: Node, problems: Problems): string[] | undefined => {
  const found = fields({ ip: matching(/^[0-9a-fA-F.:]+$/, 'an address'), hostnames: listOf(readSubdomain) })(
    node,
    problems,
  )
  requireField(node, problems, 'ip', found?.ip)
  return found?.ip === undefined ? undefined : (found.hostnames ?? []).map((name) => `${name}:${found.ip}`)
}

const SPEC = {
  hostname: readLabel,
  hostAliases: listOf(readHostAlias),
  ...{ hostNetwork: readFlag, shareProcessNamespace: readFlag },
  restartPolicy: oneOf('Always', 'OnFailure', 'Never'),
  volumes: listOf(readVolume),
  // What is asked for by these values is so in any case.
  hostIPC: refusedUnless(false, 'IPC is the pod’s own'),
  hostPID: refusedUnless(false, 'the processes of the host are not shown'),
  hostUsers: refusedUnless(false, 'a pod is always in a user namespace'),
  enableServiceLinks: refusedUnless(false, 'there are no services'),
  automountServiceAccountToken: refusedUnless(false, 'there is no Kubernetes API'),
  dnsPolicy: refusedUnless('Default', 'names are resolved by the node’s own forwarder'),
}

const reportTwins = (nodes: { key: string; node: Node }[], what: string, problems: Problems): void => {
  const seen = new Set<string>()
  for (const { key, node } of nodes)
    if (seen.has(key)) problems.add(node, `${what} '${key}' twice`)
    else seen.add(key)
}

const itemsOf = (node: Node | undefined): readonly Node[] => (node?.kind === 'list' ? node.items : [])

/** Of things in a list, also of those that are refused for something else. */
const namesOf = (nodes: readonly Node[]): { key: string; node: Node }[] =>
  nodes.flatMap((node) => {
    const name = node.kind === 'map' ? node.entries.get('name') : undefined
    return name?.kind === 'scalar' && typeof name.value === 'string' ? [{ key: name.value, node }] : []
  })

const readSpec = (node: Node, problems: Problems) => {
  if (node.kind !== 'map') return problems.add(node, 'must be a mapping')
  let security: PodSecurity = {}
  const securityNode = node.entries.get('securityContext')
  if (securityNode !== undefined) security = readPodSecurity(securityNode, problems) ?? {}
  const found = fields(
    {
      ...SPEC,
      // read before the containers, which inherit of it
      securityContext: () => undefined,
      containers: listOf(containerReader(() => security)),
    },
    REFUSED_IN_SPEC,
  )(node, problems)
  if (found === undefined) return undefined
  const { containers = [], volumes = [], hostNetwork = false } = found
  const [listed, listedVolumes] = [itemsOf(node.entries.get('containers')), itemsOf(node.entries.get('volumes'))]
  if (listed.length === 0) problems.add(node, 'a pod needs containers')
  reportTwins(namesOf(listed), 'the name', problems)
  reportTwins(namesOf(listedVolumes), 'the name', problems)
  reportTwins(
    containers.flatMap(({ ports }) =>
      ports.map(({ port, protocol, node: at }) => ({ key: `${port}/${protocol}`, node: at })),
    ),
    'the pod has one network: port',
    problems,
  )
  const known = new Set(namesOf(listedVolumes).map(({ key }) => key))
  for (const { mounts } of containers)
    for (const { volume, node: at } of mounts)
      if (!known.has(volume)) problems.add(at, `no volume is called '${volume}'`)
  if (hostNetwork)
    for (const { ports } of containers)
      for (const { port, hostPort = port, node: at } of ports)
        if (hostPort !== port) problems.add(at, 'with hostNetwork a hostPort is the containerPort')
  return { ...found, containers, volumes, hostNetwork }
}

/** Of what is no Pod only that is said: what else stands in it is nothing of a Pod. */
const isOther = (node: Node, problems: Problems): boolean => {
  const kind = node.kind === 'map' ? node.entries.get('kind') : undefined
  if (kind?.kind !== 'scalar' || typeof kind.value !== 'string' || kind.value === 'Pod') return false
  const advice = OTHER_KINDS.find(([kinds]) => kinds.split(' ').includes(String(kind.value)))?.[1]
  problems.add(kind, `only Pods are played, not '${kind.value}'${advice === undefined ? '' : `: ${advice}`}`)
  return true
}

/** @returns undefined where there is a problem, which is then among `problems` */
export const readPod = (node: Node, problems: Problems): PodManifest | undefined => {
  if (isOther(node, problems)) return undefined
  const found = fields(
    {
      apiVersion: oneOf('v1'),
      kind: oneOf('Pod'),
      metadata: readMetadata,
      spec: readSpec,
    },
    { status: 'it is what a cluster reports' },
  )(node, problems)
  for (const name of ['apiVersion', 'kind', 'metadata', 'spec'] as const)
    requireField(node, problems, name, found?.[name])
  const metadata = node.kind === 'map' ? node.entries.get('metadata') : undefined
  if (metadata?.kind === 'map') requireField(metadata, problems, 'name', found?.metadata?.name)
  const { spec, metadata: { name, labels = {} } = {} } = found ?? {}
  if (spec === undefined || name === undefined) return undefined
  return {
    name,
    hostname: spec.hostname ?? name.slice(0, 63),
    labels,
    share: ['net', 'ipc', 'uts', ...(spec.shareProcessNamespace === true ? (['pid'] as const) : [])],
    network: spec.hostNetwork ? 'host' : 'bridge',
    extraHosts: (spec.hostAliases ?? []).flat(),
    restart: { Name: RESTART[spec.restartPolicy ?? 'Always'] },
    volumes: spec.volumes,
    containers: spec.containers,
  }
}
