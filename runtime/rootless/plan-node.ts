/**
 * The steps that make a node, in the order in which they are made: a cgroup directory, a user and a mount namespace with
 * their holder and the agent, and, when the first pod asks for it, the network. `glasspod explain rootless` prints them.
 */
import type { Step } from '../plan/step.ts'
import { planPause } from '../pod/pause.ts'
import { planHolder, type HolderInput } from './holder.ts'

type Enter = Extract<Step, { kind: 'enter' }> & { argv: string[] }

export interface HolderStep extends HolderInput {
  /** What unshare(1) is told of the id map. */
  idMap: readonly string[]
  /** Where the program lies while it is started. */
  program: string
}

const planEnd = (shell: string): Step => ({
  kind: 'call',
  id: 'node.end',
  why: 'A namespace ends with its last process.',
  man: 'namespaces(7)',
  effect: 'node.end',
  input: {},
  shell,
})

export const planHolderStep = ({ idMap, program, ...holder }: HolderStep): Enter => ({
  kind: 'enter',
  id: 'node.holder',
  why:
    'A user namespace, in which this user is root over what is made in it and over nothing else, and a mount namespace. ' +
    'The holder keeps them whatever happens to the agent, and starts it.',
  man: 'user_namespaces(7)',
  see: 'glasspod graph; cat /proc/PID/uid_map',
  argv: ['unshare', ...idMap, '--mount', '--propagation', 'slave', '--'],
  program,
  inside: planHolder(holder),
  undo: planEnd('glasspod agent stop'),
})

/** What keeps the node's network namespace: the uplink and the bridge are in there, and nothing of them is on the host. */
export const planNetworkHolder = (runDir: string, mappedIds: number): Enter => ({
  kind: 'enter',
  id: 'node.network',
  why: 'A network namespace for the bridge and the pods’ cables: none of them is ever on the host.',
  man: 'network_namespaces(7)',
  see: 'glasspod graph',
  argv: ['unshare', '--net', '--'],
  program: `${runDir}/net-holder`,
  inside: planPause({
    hostname: undefined,
    ownNetwork: true,
    mappedIds,
    ownPid: false,
    cgroupProcs: undefined,
    watchedIn: undefined,
  }),
  undo: planEnd('kill $NODE_NETWORK'),
})

export interface NodeCgroupPlan {
  directory: string
  /** Those that can be handed down. */
  controllers: readonly string[]
}

/** In prepareNodeCgroup each controller is handed down by a write of its own, so that one that is refused costs no other. */
export const planNodeCgroup = ({ directory, controllers }: NodeCgroupPlan): Step[] => {
  const handDown = (path: string): Step => ({
    kind: 'write',
    id: 'node.controllers',
    why: 'A controller can be used in a directory only where the one above hands it down.',
    man: 'cgroups(7)',
    see: `cat ${path}/cgroup.controllers`,
    path: `${path}/cgroup.subtree_control`,
    value: controllers.map((name) => `+${name}`).join(' '),
  })
  return [
    {
      kind: 'mkdir',
      id: 'node.cgroup',
      why: 'A cgroup directory of our own, and in it a leaf for holder and agent: processes sit in leaves only.',
      man: 'cgroups(7)',
      see: 'glasspod cgroup',
      path: `${directory}/supervisor`,
      undo: planEnd(`rmdir ${directory}/supervisor ${directory}`),
    },
    ...(controllers.length === 0 ? [] : [handDown(directory.replace(/\/[^/]+$/, '')), handDown(directory)]),
  ]
}

/** What only root can prepare (as-root.ts). @param cgroup the directory that is given away, where there is cgroup v2 */
export const planAsRoot = (user: string, cgroup: string | undefined): Step[] => {
  const step = (id: string, why: string, man: Step['man'], shell: string): Step => ({
    kind: 'call',
    id,
    why,
    man,
    effect: id,
    input: {},
    shell,
  })
  return [
    ...(cgroup === undefined
      ? []
      : [
          step(
            'root.cgroup',
            'A cgroup directory that belongs to the system user, as systemd’s Delegate=yes makes one.',
            'cgroups(7)',
            `mkdir -p ${cgroup}/launch; chown ${user} ${cgroup}{,/launch}{,/cgroup.procs,/cgroup.subtree_control,/cgroup.threads}`,
          ),
        ]),
    step(
      'root.devices',
      'In a mount namespace of the node, devices that this user may open cover those that only root may: tun for the uplink, fuse for fuse-overlayfs.',
      'mount_namespaces(7)',
      'mknod -m 0666 tun c 10 200; mount --bind tun /dev/net/tun; mknod -m 0666 fuse c 10 229; mount --bind fuse /dev/fuse',
    ),
    step(
      'root.user',
      'From here on as the system user: nothing of glasspod runs as root.',
      'setpriv(1)',
      `setpriv --reuid ${user} --regid ${user} --init-groups --inh-caps -all --ambient-caps -all -- glasspod agent start`,
    ),
  ]
}

/** @param argv of the uplink's program; the pid of the network's holder is 0 in it */
export const planUplinkStep = ([program = '', ...args]: readonly string[]): Step => ({
  kind: 'call',
  id: 'node.uplink',
  why: 'A program outside speaks for all that is inside: what leaves the tap device goes through sockets of this user.',
  man: `${program}(1)`,
  see: 'glasspod graph',
  effect: 'node.uplink',
  input: {},
  shell: [program, ...args.map((word) => (word === '0' ? '$NODE_NETWORK' : word))].join(' '),
})

export const planGuardStep = (): Step => ({
  kind: 'call',
  id: 'node.guard',
  why: 'No pod may begin a connection to the host’s loopback, which slirp4netns shows as 10.0.2.2.',
  man: 'nft(8)',
  effect: 'node.guard',
  input: {},
  shell: 'nsenter --net=/proc/$NODE_NETWORK/ns/net -- nft -f uplink.nft',
})

/** The agent itself goes on from the holder’s list; where it then is. */
export const planAgentStep = (): Step => ({
  kind: 'call',
  id: 'node.agent',
  why:
    'The agent is in the user and mount namespace, and stays in the network namespace of the host: a registry on ' +
    'localhost is in its reach. It enters the node’s network only through programs that it starts.',
  man: 'nsenter(1)',
  see: 'glasspod agent status',
  effect: 'node.agent',
  input: {},
  shell: 'kill -USR1 $NODE_HOLDER   # whenever it is to be started again',
  undo: planEnd('glasspod agent stop'),
})
