/** Containers, pods and images in the words of the Docker Engine API. */
import type { Image } from '../../../images/image.ts'
import type { Agent } from '../agent.ts'
import type { Container } from '../containers.ts'
import type { ContainerRecord, PodRecord } from '../records.ts'
import { readMemoryEvents } from '../../kernel/cgroups/events.ts'
import type { HostConfig } from '../../spec/create-body.ts'
import { phaseOf } from '../../spec/manifest/phase.ts'
import { planArgs } from '../../spec/config.ts'

const seconds = (time: string | undefined): number => Math.floor(Date.parse(time ?? '') / 1000) || 0

const UNITS: [number, string][] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
]

/** `3 minutes`, as docker counts. */
const ago = (from: string | undefined): string => {
  const elapsed = Math.max(0, (Date.now() - Date.parse(from ?? '')) / 1000)
  const [size, unit] = UNITS.find(([limit]) => elapsed >= limit) ?? [1, 'second']
  const count = Math.floor(elapsed / size)
  return count === 0 ? 'Less than a second' : `${count} ${unit}${count === 1 ? '' : 's'}`
}

/** As docker ps says it. `paused`: what the kernel says of it now. */
export const describeStatus = ({ record }: Container, paused: boolean): string => {
  if (record.status === 'running') return `Up ${ago(record.startedAt)}${paused ? ' (Paused)' : ''}`
  if (record.status === 'created') return 'Created'
  if (record.status === 'restarting')
    return `Restarting (${record.exitCode ?? 'unknown'}) ${ago(record.finishedAt)} ago`
  const oom = record.death?.oomKilled === true ? ' (OOM killed)' : ''
  return `Exited (${record.exitCode ?? 'unknown'}) ${ago(record.finishedAt)} ago${oom}`
}

const PAUSED = 'paused'

/** Docker's word: a paused container runs, and is called paused. */
export const stateOf = (agent: Agent, container: Container): string =>
  agent.leaves.isPaused(container) ? PAUSED : container.record.status

/** Of this run or the last one; of a running one what the kernel has counted so far. */
const isOomKilled = (agent: Agent, container: Container): boolean => {
  const leaf = container.isRunning ? agent.leaves.of(container.record) : undefined
  if (leaf === undefined) return container.record.death?.oomKilled === true
  return (readMemoryEvents(leaf)?.oomKill ?? 0) > 0
}

/** The command as it would run; the image may be gone. */
const commandOf = async (agent: Agent, { record }: Container): Promise<string[]> => {
  const image = await agent.images.find(record.image.id).catch(() => undefined)
  return image === undefined ? [] : planArgs(record.body, image.config)
}

export const summariseContainer = async (agent: Agent, container: Container) => {
  const { record } = container
  const pod = agent.pods.all.get(record.podId)
  const paused = agent.leaves.isPaused(container)
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: record.image.name,
    ImageID: record.image.id,
    Command: (await commandOf(agent, container)).join(' '),
    Created: seconds(record.created),
    State: paused ? PAUSED : record.status,
    Status: describeStatus(container, paused),
    Ports: container.isRunning ? await portsOf(agent, pod) : [],
    Labels: record.body.Labels ?? {},
    HostConfig: { NetworkMode: pod?.network ?? 'none' },
    Pod: pod === undefined || pod.implicit ? null : { Id: pod.id, Name: pod.name },
  }
}

/** Published ports of a running pod; asking the uplink is left out where nothing is published. */
export const portsOf = async (agent: Agent, pod: PodRecord | undefined) =>
  pod?.ip === undefined || pod.publish.length === 0
    ? []
    : (await agent.network.published(pod.ip)).map(({ hostIp, hostPort, containerPort, protocol }) => ({
        IP: hostIp,
        PrivatePort: containerPort,
        PublicPort: hostPort,
        Type: protocol,
      }))

/** What --memory alone means for swap. */
const describeSwap = (config: HostConfig | null | undefined) =>
  config?.Memory && !config.MemorySwap ? { MemorySwap: config.Memory * 2 } : {}

/** How the run before ended, where a policy has started it again. */
const describeLast = ({ last }: ContainerRecord) =>
  last === undefined
    ? null
    : { ExitCode: last.exitCode ?? null, FinishedAt: last.finishedAt ?? '', Reason: last.reason ?? '' }

export const inspectContainer = async (agent: Agent, container: Container) => {
  const { record, directory } = container
  const { body } = record
  const pod = agent.pods.all.get(record.podId)
  const paused = agent.leaves.isPaused(container)
  const args = await commandOf(agent, container)
  return {
    Id: record.id,
    Created: record.created,
    Path: args[0] ?? '',
    Args: args.slice(1),
    Name: `/${record.name}`,
    State: {
      Status: paused ? PAUSED : record.status,
      // As with Docker: it counts as running while it waits for its next run.
      Running: container.isUp,
      Paused: paused,
      Restarting: container.isRestarting,
      OOMKilled: isOomKilled(agent, container),
      Dead: false,
      Pid: container.isRunning ? (record.process?.pid ?? 0) : 0,
      ExitCode: record.exitCode ?? 0,
      Error: record.error ?? '',
      StartedAt: record.startedAt ?? '0001-01-01T00:00:00Z',
      FinishedAt: record.finishedAt ?? '0001-01-01T00:00:00Z',
      Reason: record.death?.reason ?? '',
      Evidence: record.death?.evidence ?? null,
    },
    Image: record.image.id,
    ImageName: record.image.name,
    LogPath: `${directory}/log`,
    RestartCount: record.restarts,
    LastState: describeLast(record),
    Driver: record.driver ?? 'overlay',
    Platform: 'linux',
    Mounts: (body.HostConfig?.Binds ?? []).map((bind) => {
      const [Source, Destination, Mode = ''] = bind.split(':')
      return { Type: 'bind', Source, Destination, Mode, RW: !Mode.split(',').includes('ro') }
    }),
    Config: {
      ...body,
      Hostname: pod?.hostname ?? '',
      Tty: body.Tty ?? false,
      OpenStdin: body.OpenStdin ?? false,
      Labels: body.Labels ?? {},
      Env: body.Env ?? [],
      Cmd: args,
    },
    HostConfig: {
      ...body.HostConfig,
      ...describeSwap(body.HostConfig),
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0, ...body.HostConfig?.RestartPolicy },
      AutoRemove: body.HostConfig?.AutoRemove ?? false,
    },
    NetworkSettings: {
      IPAddress: pod?.ip ?? '',
      Networks: pod?.ip === undefined ? {} : { glasspod: { IPAddress: pod.ip } },
      Ports: Object.fromEntries(
        (container.isRunning ? await portsOf(agent, pod) : []).map(({ IP, PrivatePort, PublicPort, Type }) => [
          `${PrivatePort}/${Type}`,
          [{ HostIp: IP, HostPort: `${PublicPort}` }],
        ]),
      ),
    },
    Pod: pod === undefined || pod.implicit ? null : { Id: pod.id, Name: pod.name },
    CgroupPath: agent.leaves.of(container.record) ?? null,
    Bundle: directory,
  }
}

const describeLoss = ({ lost }: PodRecord): string =>
  lost === undefined
    ? ''
    : `its pause process (pid ${lost.pid}) had been ended from outside at ${lost.at}: its containers are ended too`

const podStatus = (agent: Agent, pod: PodRecord, containers: readonly Container[], running: number): string => {
  const isEnding = pod.lost !== undefined && running > 0
  if (isEnding) return 'Degraded'
  if (!agent.pods.isRunning(pod))
    return containers.some(({ record }) => record.status === 'exited') ? 'Exited' : 'Created'
  const paused = containers.filter((container) => agent.leaves.isPaused(container)).length
  if (paused > 0 && paused === running) return 'Paused'
  return running === containers.length ? 'Running' : 'Degraded'
}

export const summarisePod = async (agent: Agent, pod: PodRecord) => {
  const containers = agent.containers.inPod(pod)
  const running = containers.filter(({ isRunning }) => isRunning).length
  return {
    Id: pod.id,
    Name: pod.name,
    Status: podStatus(agent, pod, containers, running),
    Reason: describeLoss(pod),
    Phase: phaseOf(containers.map(({ record: { status, exitCode } }) => ({ status, exitCode }))),
    Created: pod.created,
    Hostname: pod.hostname,
    Network: pod.network,
    Share: pod.share,
    Labels: pod.labels,
    IP: pod.ip ?? '',
    InfraPid: pod.pause?.pid ?? 0,
    Ports: await portsOf(agent, agent.pods.isRunning(pod) ? pod : undefined),
    Containers: containers.map((container) => ({
      Id: container.record.id,
      Name: container.record.name,
      State: stateOf(agent, container),
    })),
    Limits: pod.limits ?? {},
    CgroupPath: agent.pods.cgroup(pod) ?? null,
  }
}

export const summariseImage = (image: Image) => ({
  Id: image.id,
  ParentId: '',
  RepoTags: image.names.filter((name) => !name.includes('@')),
  RepoDigests: image.repoDigests,
  Digest: image.digest,
  Created: seconds(image.created),
  Size: image.size,
  SharedSize: -1,
  Containers: -1,
  Labels: image.config.labels,
})

export const inspectImage = (image: Image) => ({
  ...summariseImage(image),
  Created: image.created ?? '',
  Architecture: image.platform.architecture,
  Os: image.platform.os,
  RootFS: { Type: 'layers', Layers: image.layers.map(({ diffId }) => diffId) },
  Config: {
    User: image.config.user,
    Env: image.config.env,
    Entrypoint: image.config.entrypoint,
    Cmd: image.config.cmd,
    WorkingDir: image.config.workingDir,
    Labels: image.config.labels,
    StopSignal: image.config.stopSignal ?? '',
    ExposedPorts: Object.fromEntries(image.config.exposedPorts.map((port) => [port, {}])),
  },
})
