/** From a container's record to its OCI bundle: config.json, and the layers below its own. */
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { overlayLayers } from '../../images/snapshot.ts'
import type { Image } from '../../images/image.ts'
import { Failure } from '../errors.ts'
import { hostArch } from '../init/program.ts'
import { findMount, parseMountinfo } from '../kernel/mountinfo.ts'
import type { RootTree } from '../kernel/rootfs.ts'
import { planFilter } from '../kernel/seccomp/filter.ts'
import type { MissingPath } from '../plan/host-path.ts'
import { planConfig } from '../spec/config.ts'
import type { OciConfig, OciMount } from '../spec/oci.ts'
import { quoteWord } from '../spec/shell-words.ts'
import { readLayeredFile } from './images.ts'
import { hostResources } from './limits.ts'
import { shortId } from './naming.ts'
import type { Node } from './node.ts'
import type { Pods } from './pods.ts'
import type { ContainerRecord, PodRecord } from './records.ts'
import { requireFuseOverlayfs } from './storage.ts'

export interface BundleInput {
  node: Node
  pods: Pods
  pod: PodRecord
  container: ContainerRecord
  image: Image
  /** Sources of its volumes that will be there when it starts. */
  comes?: Coming
}

export type Coming = ReadonlyMap<string, MissingPath['kind']>

/** Directories of the root, the container's own first. A copy has all, and what is deleted there is in no other. */
export const rootDirectories = (node: Node, container: ContainerRecord, image: Pick<Image, 'layers'>): string[] => {
  const own = `${node.paths.containers}/${container.id}/upper`
  if (container.driver === 'copy' && existsSync(own)) return [own]
  return [own, ...overlayLayers({ layersDirectory: node.paths.layers }, image)]
}

export const buildConfig = ({ node, pods, pod, container, image, comes }: BundleInput): OciConfig => {
  const directories = rootDirectories(node, container, image)
  const { config } = image
  const cgroup = pods.cgroup(pod)
  const result = planConfig({
    body: container.body,
    image: config,
    hostname: pod.hostname,
    passwd: readLayeredFile(directories, '/etc/passwd'),
    group: readLayeredFile(directories, '/etc/group'),
    resources: hostResources(node, pod),
    namespaces: pods.namespaces(pod),
    hasCgroup: true,
    podMounts: pods.mounts(pod),
    cgroupsPath: cgroup === undefined ? undefined : `${cgroup}/${shortId(container.id)}`,
    machine: { arch: hostArch(), kernel: node.kernel },
  })
  checkVolumes(result, pods.mounts(pod), comes)
  checkIds(node, result)
  // Compiled now, so that what is wrong with a profile is said before anything exists; the plan finds it again.
  if (result.linux.seccomp !== undefined) planFilter(result.linux.seccomp, hostArch())
  return result
}

export const planRoot = (node: Node, container: ContainerRecord, image: Pick<Image, 'layers'>): RootTree => {
  const { driver = 'overlay' } = container
  const directory = `${node.paths.containers}/${container.id}`
  return {
    driver,
    program: driver === 'fuse-overlayfs' ? requireFuseOverlayfs() : undefined,
    layersDir: node.paths.layers,
    lower: overlayLayers({ layersDirectory: '' }, image).map((path) => path.replace(/^\/+/, '')),
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    target: `${directory}/rootfs`,
    links: `${directory}/lower`,
  }
}

/** The pod's own are made when it starts. */
const checkVolumes = ({ mounts }: OciConfig, podMounts: readonly OciMount[], comes?: Coming): void => {
  const own = new Set(podMounts.map(({ source }) => source))
  for (const { type, source, destination, options } of mounts) {
    if (type !== 'bind' || own.has(source) || comes?.has(source) === true) continue
    if (statSync(source, { throwIfNoEntry: false }) === undefined)
      throw new Failure(`volume source ${source}: no such file or directory`, {
        id: 'volumes.source',
        try: `mkdir -p ${quoteWord(source)}`,
        exitCode: 125,
        status: 400,
      })
    if (options.includes('rw')) checkWritable(source, destination)
  }
}

/** Who writes :rw wants to write; a user namespace cannot make writable what it was given read-only. */
const checkWritable = (source: string, destination: string): void => {
  const mount = findMount(parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')), realpathSync(source))
  if (mount?.isReadonly !== true) return
  throw new Failure(`volume source ${source} is read-only here, and :rw asks for more`, {
    id: 'volumes.readonly',
    found: `${mount.type} is mounted read-only at ${mount.mountPoint}`,
    try: `-v ${source}:${destination}:ro; or as root: mount -o remount,rw ${mount.mountPoint}`,
    see: 'mount_namespaces(7)',
    exitCode: 125,
    status: 400,
  })
}

/** An id that the map does not have would fail deep inside; it is said before anything exists. */
const checkIds = ({ host: { mappedIds } }: Node, { process: { user } }: OciConfig): void => {
  const outside = [user.uid, user.gid, ...user.additionalGids].find((id) => id >= mappedIds)
  if (outside === undefined) return
  throw new Failure(`user or group ${outside} of the container is not in the id map`, {
    id: 'user.unmapped',
    found: `this user namespace maps ${mappedIds} id${mappedIds === 1 ? '' : 's'}`,
    try:
      mappedIds === 1
        ? 'the warning of glasspod info names a free range of ids for this user'
        : `give this user ${outside} or more ids in /etc/subuid and /etc/subgid, then glasspod system reset`,
    see: 'subuid(5), user_namespaces(7)',
    exitCode: 125,
    status: 400,
  })
}
