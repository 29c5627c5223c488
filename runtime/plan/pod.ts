/** The steps that make a pod, from the outside; its end is their undoing in reverse. */
import { memoryVolume, planMountMemory, sharedMemory, type Memory, type MemoryMount } from '../pod/memory.ts'
import { planPause } from '../pod/pause.ts'
import { isWeight } from '../spec/limits.ts'
import { quoteAround } from '../spec/shell-words.ts'
import type { LimitLine } from './limits.ts'
import type { ManPage } from '../init/call.ts'
import type { Step } from './step.ts'

export interface PodInput {
  /** Directory of the pod's own files. */
  directory: string
  hostname: string
  /** Namespaces that its containers share. */
  share: readonly ('net' | 'ipc' | 'uts' | 'pid')[]
  network: 'bridge' | 'none' | 'host'
  /** Whether its end is to be learnt of: containers that share a pod end with its pause process. */
  watched: boolean
  /** Whether containers share memory too: not where there is only one. */
  memory: boolean
  /** Memory that containers share as a directory. */
  memoryVolumes?: readonly MemoryMount[]
  /** The pod's directory, what its leaves may use of it, and the limits of all of them together. */
  cgroup?: { path: string; controllers: readonly string[]; limits: readonly LimitLine[] }
  /** Ids that the user namespace maps. */
  mappedIds: number
  conflist: string
  publish: readonly string[]
}

export const planPodSteps = (input: PodInput): Step[] => [
  ...(input.cgroup === undefined ? [] : planPodCgroup(input.cgroup)),
  planPauseStep(input),
  ...(input.network === 'bridge' ? [planAttachStep(input)] : []),
  {
    kind: 'call',
    id: 'pod.files',
    why: 'Its containers see the same names: /etc/hosts, /etc/hostname and /etc/resolv.conf are the pod’s.',
    man: 'hosts(5)',
    see: 'glasspod exec NAME cat /etc/hosts',
    effect: 'pod.files',
    input: { directory: input.directory },
    shell: `tee ${input.directory}/hosts ${input.directory}/hostname ${input.directory}/resolv.conf`,
  },
  ...(input.memory ? planMemorySteps(sharedMemory(input.directory), `${input.directory}/memory`) : []),
  ...(input.memoryVolumes ?? []).flatMap((volume) =>
    planMemorySteps(memoryVolume(volume), `${input.directory}/memory`),
  ),
]

export const planPodRemoval = (directory: string): Step => ({
  ...call('pod.remove', 'Its record and its /etc files go.', 'unlink(2)', 'pod.remove', { directory }),
  see: 'glasspod pod ps',
  shell: `rm -r ${directory}`,
})

/** Where the volumes of a pod are, by name. */
export const volumesOf = (directory: string): string => `${directory}/volumes`

/** Everybody who shares it may write it, whoever they are: as a kubelet makes it. */
const EMPTY_DIR_MODE = 0o777

const planVolumes = (directory: string, names: readonly string[]): Step[] => {
  const removal = (path: string): Step => ({
    ...call('pod.volumes', 'A volume lives as long as its pod.', 'unlink(2)', 'pod.volumes.remove', { path }),
    shell: `rm -r ${quoteAround(path)}`,
  })
  return [
    {
      kind: 'mkdir',
      id: 'pod.volumes',
      why: 'The volumes that live as long as the pod, out of the reach of other users.',
      man: 'mkdir(2)',
      path: volumesOf(directory),
      mode: 0o700,
      undo: removal(volumesOf(directory)),
    },
    ...names.map((name): Step => {
      const path = `${volumesOf(directory)}/${name}`
      return {
        kind: 'mkdir',
        id: 'pod.empty-dir',
        why: `The emptyDir ${name}: each container that shares it may write it, whichever user it is.`,
        man: 'mkdir(2)',
        see: `ls -ld ${quoteAround(path)}`,
        path,
        mode: EMPTY_DIR_MODE,
        undo: removal(path),
      }
    }),
  ]
}

/** Files only: its namespaces are made when it starts. @param volumes directories of its own that containers share, by name */
export const planPodCreation = (directory: string, volumes?: readonly string[]): Step[] => [
  {
    kind: 'mkdir',
    id: 'pod.directory',
    why: 'The pod’s own files: its record, and the /etc files that its containers share.',
    man: 'mkdir(2)',
    path: directory,
    mode: 0o700,
    undo: planPodRemoval(directory),
  },
  ...(volumes === undefined ? [] : planVolumes(directory, volumes)),
  {
    ...call('pod.record', 'What was asked for is kept by rename: whole or not at all.', 'rename(2)', 'pod.record', {
      directory,
    }),
    see: 'glasspod pod inspect NAME',
    shell: `mv ${directory}/pod.json.tmp ${directory}/pod.json`,
  },
]

const call = (
  id: string,
  why: string,
  man: ManPage,
  effect: string,
  data: Record<string, string | string[]>,
): Step & { kind: 'call' } => ({
  kind: 'call',
  id,
  why,
  man,
  effect,
  input: data,
})

/** A directory of cgroups goes with all that is in it: ended, waited for, removed. */
export const planCgroupRemoval = (path: string): Step => ({
  ...call('cgroups.remove', 'End what is left in it, and remove it.', 'cgroups(7)', 'cgroups.remove', { path }),
  shell: `echo 1 > ${path}/cgroup.kill; find ${path} -depth -type d -exec rmdir {} +`,
})

/** In a directory that is made and empty, so that the limit holds before the first process is in. */
export const planLimitStep = (directory: string, { file, value }: LimitLine, why: string): Step => ({
  kind: 'write',
  id: `cgroups.${file}`,
  why,
  man: 'cgroups(7)',
  path: `${directory}/${file}`,
  value,
})

const planPodCgroup = ({ path, controllers, limits }: NonNullable<PodInput['cgroup']>): Step[] => [
  {
    kind: 'mkdir',
    id: 'cgroups.pod',
    why: 'One cgroup directory for the whole pod, so that it can be seen, limited and ended as one.',
    man: 'cgroups(7)',
    see: 'glasspod cgroup',
    path,
    undo: planCgroupRemoval(path),
  },
  ...limits.map((limit) =>
    planLimitStep(
      path,
      limit,
      isWeight(limit.file)
        ? `What it weighs counts against its neighbours, and a pod’s are the other pods: ${limit.file} is ${limit.value}.`
        : `A limit of the pod holds for the sum of its containers: ${limit.file} is ${limit.value}.`,
    ),
  ),
  ...(controllers.length === 0
    ? []
    : [
        {
          kind: 'write' as const,
          id: 'cgroups.controllers',
          why: 'Controllers are handed down a level at a time.',
          man: 'cgroups(7)' as const,
          path: `${path}/cgroup.subtree_control`,
          value: controllers.map((name) => `+${name}`).join(' '),
        },
      ]),
  {
    kind: 'mkdir',
    id: 'cgroups.pause',
    why: 'Processes sit in leaves only: the pause process has one of its own.',
    man: 'cgroups(7)',
    path: `${path}/pause`,
  },
]

const planPauseStep = ({ directory, hostname, share, network, mappedIds, cgroup, watched }: PodInput): Step => {
  const ownNetwork = network !== 'host' && share.includes('net')
  return {
    kind: 'enter',
    id: 'pod.pause',
    why: 'The pause process holds the namespaces that the pod shares, so a container can end and come back to them.',
    man: 'unshare(1)',
    see: 'glasspod graph',
    argv: ['unshare', ...(ownNetwork ? ['--net'] : []), ...(share.includes('ipc') ? ['--ipc'] : []), '--uts', '--'],
    program: `${directory}/pause`,
    inside: planPause({
      hostname,
      ownNetwork,
      mappedIds,
      ownPid: share.includes('pid'),
      cgroupProcs: cgroup === undefined ? undefined : `${cgroup.path}/pause/cgroup.procs`,
      watchedIn: watched ? directory : undefined,
    }),
    undo: {
      ...call('pod.end', 'Namespaces end with their last process.', 'kill(2)', 'pod.end', {}),
      shell: 'kill -KILL $POD_PAUSE',
    },
  }
}

/** As cni.dev/docs/spec has it; the plugin reads its part of the list. */
const cniCommand = (verb: string, conflist: string): string =>
  `CNI_COMMAND=${verb} CNI_NETNS=/proc/$POD_PAUSE/ns/net CNI_IFNAME=eth0 bridge < ${conflist}`

const planAttachStep = ({ conflist, publish }: PodInput): Step => ({
  ...call(
    'network.attach',
    'A CNI plugin wires the pod to the bridge: a veth pair, an address, a default route.',
    'veth(4)',
    'network.attach',
    { conflist, interface: 'eth0', publish: [...publish] },
  ),
  see: 'glasspod exec NAME ip address',
  shell: cniCommand('ADD', conflist),
  undo: {
    ...call('network.detach', 'The address goes back, published ports close.', 'veth(4)', 'network.detach', {
      conflist,
    }),
    shell: cniCommand('DEL', conflist),
  },
})

const planMemorySteps = (memory: Memory, program: string): Step[] => [
  {
    kind: 'mkdir',
    id: memory.id,
    why: 'Where the pod’s shared memory is mounted.',
    man: 'mkdir(2)',
    path: memory.path,
  },
  {
    kind: 'enter',
    id: memory.id,
    why: memory.why,
    man: memory.man,
    argv: [],
    program,
    inside: planMountMemory(memory),
    undo: {
      ...call('pod.unmount', 'Let the memory go.', 'umount(2)', 'pod.unmount', { path: memory.path }),
      shell: `umount ${memory.path}`,
    },
  },
]
