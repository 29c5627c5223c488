/** A pod's manifest in the words of the agent: a request for a pod, and one for each of its containers. */
import type { CreateBody } from '../create-body.ts'
import type { ContainerManifest } from './container.ts'
import type { PodManifest } from './pod.ts'
import type { Volume } from './volumes.ts'

/** A volume in memory: a tmpfs of the pod. */
export interface MemoryVolume {
  name: string
  /** Bytes; absent: the kernel's half of the memory. */
  size?: number
}

const memoryOf = (volume: Volume): MemoryVolume[] =>
  volume.kind === 'emptyDir' && volume.memory !== undefined ? [{ name: volume.name, ...volume.memory }] : []

const onDisk = (volume: Volume): string[] =>
  volume.kind === 'emptyDir' && volume.memory === undefined ? [volume.name] : []

export const planPodRequest = (pod: PodManifest) => ({
  name: pod.name,
  hostname: pod.hostname,
  labels: pod.labels,
  share: pod.share,
  network: pod.network,
  extraHosts: pod.extraHosts,
  // On the host's network a port is the host's already.
  publish: pod.network === 'host' ? [] : pod.containers.flatMap(({ publish }) => publish),
  memoryVolumes: pod.volumes.flatMap(memoryOf),
  volumes: pod.volumes.some(({ kind }) => kind === 'emptyDir') ? pod.volumes.flatMap(onDisk) : undefined,
  played: true,
})

/** As podman names them. */
export const containerName = (pod: PodManifest, container: ContainerManifest): string => `${pod.name}-${container.name}`

/** `volumesDirectory`: where the pod's own volumes are, by name. */
export const planContainerBody = (
  pod: PodManifest,
  { body, mounts }: ContainerManifest,
  volumesDirectory: string,
): CreateBody => {
  const sources = new Map(
    pod.volumes.map((volume) => [
      volume.name,
      volume.kind === 'hostPath' ? volume.path : `${volumesDirectory}/${volume.name}`,
    ]),
  )
  return {
    ...body,
    HostConfig: {
      ...body.HostConfig,
      Binds: mounts.map(({ volume, path, readOnly }) => `${sources.get(volume) ?? ''}:${path}${readOnly ? ':ro' : ''}`),
      RestartPolicy: pod.restart,
    },
  }
}
