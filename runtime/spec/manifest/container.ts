/** One of `spec.containers`. */
import type { CreateBody } from '../create-body.ts'
import type { Limits } from '../limits.ts'
import { expand, expandEnv } from './expand.ts'
import { readLabel } from './names.ts'
import {
  fields,
  listOf,
  matching,
  oneOf,
  readFlag,
  readText,
  refusedUnless,
  requireField,
  wholeNumber,
  type Node,
  type Problems,
} from './node.ts'
import { readQuantity } from './quantity.ts'
import { REFUSED_IN_CONTAINER, refusedResource } from './refused.ts'
import { formatSecurityOptions, formatUser, readContainerSecurity, type PodSecurity } from './security.ts'
import { readAbsolute } from './volumes.ts'

export interface Mount {
  volume: string
  path: string
  readOnly: boolean
  node: Node
}

export interface ContainerManifest {
  name: string
  image: string
  /** As `run --pull` has it. */
  pull: 'missing' | 'always' | 'never'
  /** Without its volumes. */
  body: CreateBody
  /** Texts of -p. */
  publish: string[]
  ports: { port: number; hostPort?: number; protocol: string; node: Node }[]
  mounts: Mount[]
}

const readPort = wholeNumber(1, 65_535)
const PULL = { Always: 'always', IfNotPresent: 'missing', Never: 'never' } as const

const readEnv = (node: Node, problems: Problems) => {
  const found = fields(
    { name: matching(/^[^=\s]+$/, 'the name of a variable'), value: readText },
    { valueFrom: 'values are written out here' },
  )(node, problems)
  requireField(node, problems, 'name', found?.name)
  return found?.name === undefined ? undefined : { name: found.name, value: found.value ?? '' }
}

const readPortMapping = (node: Node, problems: Problems) => {
  const found = fields({
    name: readLabel,
    containerPort: readPort,
    hostPort: readPort,
    hostIP: matching(/^[0-9.]+$/, 'an IPv4 address'),
    protocol: oneOf('TCP', 'UDP'),
  })(node, problems)
  requireField(node, problems, 'containerPort', found?.containerPort)
  if (found?.hostIP !== undefined && found.hostPort === undefined) return problems.add(node, 'hostIP needs a hostPort')
  return found?.containerPort === undefined ? undefined : { ...found, containerPort: found.containerPort, node }
}

const readMount = (node: Node, problems: Problems): Mount | undefined => {
  const found = fields(
    {
      name: readLabel,
      mountPath: readAbsolute,
      readOnly: readFlag,
      mountPropagation: refusedUnless('None', 'mounts do not propagate'),
    },
    {
      ...{ subPath: 'a volume is mounted whole', subPathExpr: 'a volume is mounted whole' },
      recursiveReadOnly: 'readOnly holds for the mount itself',
    },
  )(node, problems)
  requireField(node, problems, 'name', found?.name)
  requireField(node, problems, 'mountPath', found?.mountPath)
  if (found?.name === undefined || found.mountPath === undefined) return undefined
  return { volume: found.name, path: found.mountPath, readOnly: found.readOnly ?? false, node }
}

const AMOUNTS = { cpu: readQuantity(1e9, 'write 500m or 1.5'), memory: readQuantity(1, 'write 64Mi or 128M') }
const readAmounts = fields(AMOUNTS, refusedResource)
const readBoth = fields({ limits: readAmounts, requests: readAmounts }, { claims: 'there is no scheduler' })

const readResources = (node: Node, problems: Problems) => {
  const found = readBoth(node, problems)
  for (const name of ['cpu', 'memory'] as const)
    if ((found?.requests?.[name] ?? 0) > (found?.limits?.[name] ?? Infinity))
      problems.add(node, `requests.${name} is more than limits.${name}`)
  return found
}

/**
 * As a kubelet does: what is asked for is a share of a busy processor, and memory that others do not take first. A limit of
 * processors alone asks for as many (kubernetes.io/docs: Resource Management).
 */
const planLimits = ({ limits = {}, requests = {} }: NonNullable<ReturnType<typeof readBoth>>): Limits => {
  const asked = requests.cpu ?? limits.cpu
  return {
    ...(limits.cpu ? { NanoCpus: limits.cpu } : {}),
    // A limit is the whole of it: a pod of Kubernetes has no swap.
    ...(limits.memory ? { Memory: limits.memory, MemorySwap: limits.memory } : {}),
    ...(asked ? { CpuShares: Math.max(2, Math.floor((asked * 1024) / 1e9)) } : {}),
    ...(requests.memory ? { MemoryReservation: requests.memory } : {}),
  }
}

const CONTAINER = {
  name: readLabel,
  image: matching(/\S/, 'the name of an image'),
  imagePullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
  command: listOf(readText),
  args: listOf(readText),
  env: listOf(readEnv),
  workingDir: matching(/^\//, 'an absolute path'),
  ports: listOf(readPortMapping),
  resources: readResources,
  securityContext: readContainerSecurity,
  ...{ stdin: readFlag, stdinOnce: readFlag, tty: readFlag },
  volumeMounts: listOf(readMount),
}

export const containerReader =
  (ofPod: () => PodSecurity) =>
  (node: Node, problems: Problems): ContainerManifest | undefined => {
    const found = fields(CONTAINER, REFUSED_IN_CONTAINER)(node, problems)
    if (found === undefined) return undefined
    requireField(node, problems, 'name', found.name)
    requireField(node, problems, 'image', found.image)
    if (found.name === undefined || found.image === undefined) return undefined
    const { ports = [] } = found
    const env = expandEnv(found.env ?? [])
    const words = (list: string[] | undefined) => list?.map((word) => expand(word, env))
    const security = { ...ofPod(), ...found.securityContext }
    if (security.runAsGroup !== undefined && security.runAsUser === undefined)
      problems.add(node, 'runAsGroup needs a runAsUser')
    const user = formatUser(security)
    const [command, args] = [words(found.command), words(found.args)]
    return {
      name: found.name,
      image: found.image,
      pull: PULL[found.imagePullPolicy ?? 'IfNotPresent'],
      publish: ports.flatMap(({ hostPort, hostIP, containerPort, protocol = 'TCP' }) =>
        hostPort === undefined
          ? []
          : [`${hostIP === undefined ? '' : `${hostIP}:`}${hostPort}:${containerPort}/${protocol.toLowerCase()}`],
      ),
      ports: ports.map(({ containerPort, hostPort, protocol = 'TCP', node: at }) => ({
        port: containerPort,
        ...(hostPort === undefined ? {} : { hostPort }),
        protocol,
        node: at,
      })),
      mounts: found.volumeMounts ?? [],
      body: {
        Image: found.image,
        ...(command === undefined || command.length === 0 ? {} : { Entrypoint: command }),
        ...(args === undefined ? {} : { Cmd: args }),
        Env: [...env].map(([name, value]) => `${name}=${value}`),
        ...(found.workingDir === undefined ? {} : { WorkingDir: found.workingDir }),
        ...(user === undefined ? {} : { User: user }),
        Tty: found.tty ?? false,
        OpenStdin: found.stdin ?? false,
        StdinOnce: found.stdinOnce ?? false,
        ExposedPorts: Object.fromEntries(
          ports.map(({ containerPort, protocol = 'TCP' }) => [`${containerPort}/${protocol.toLowerCase()}`, {}]),
        ),
        HostConfig: {
          ...planLimits(found.resources ?? {}),
          CapAdd: security.capabilities?.add ?? [],
          CapDrop: security.capabilities?.drop ?? [],
          ReadonlyRootfs: security.readOnlyRootFilesystem ?? false,
          SecurityOpt: formatSecurityOptions(security),
        },
      },
    }
  }
