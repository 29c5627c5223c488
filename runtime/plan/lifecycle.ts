/** The steps of a container's life around its run: made, asked to end, cleaned up after, removed. */
import type { StorageDriver } from '../spec/storage-drivers.ts'
import type { Step } from './step.ts'

export const planRemoval = (directory: string): Step => ({
  kind: 'call',
  id: 'container.files',
  why: 'Its layer, its log and its record go; the image stays.',
  man: 'unlink(2)',
  see: 'glasspod ps --all',
  effect: 'container.remove',
  input: { directory },
  shell: `rm -r ${directory}`,
})

const planWork = (directory: string): Step => ({
  kind: 'mkdir',
  id: 'container.work',
  why: 'A file is prepared here, so that it appears in the upper layer whole or not at all.',
  man: 'mount(8)',
  path: `${directory}/work`,
  mode: 0o700,
})

const planCopy = (directory: string, layers: readonly string[]): Step => ({
  kind: 'call',
  id: 'container.copy',
  why: 'Nothing shows the layers as one tree here, so they are copied into one; by reflinks where the filesystem has them.',
  man: 'cp(1)',
  see: `du -sh ${directory}/upper`,
  effect: 'container.copy',
  input: { directory, layers: [...layers] },
  shell: layers.map((layer) => `cp -a --reflink=auto ${layer}/. ${directory}/upper`).join(' && '),
})

export const planRecord = (directory: string): Step => ({
  kind: 'call',
  id: 'container.record',
  why: 'What was asked for is kept by rename: whole or not at all.',
  man: 'rename(2)',
  see: 'glasspod inspect NAME',
  effect: 'container.record',
  input: { directory },
  shell: `mv ${directory}/container.json.tmp ${directory}/container.json`,
})

/** The record of one that was made before. */
export const planNewLimits = (directory: string): Step => ({
  ...planRecord(directory),
  id: 'container.limits',
  why: 'Its next run has them too: they are kept by rename, whole or not at all.',
})

export interface Creation {
  directory: string
  driver: StorageDriver
  /** The image's unpacked layers, the lowest first. Absolute. */
  layers: readonly string[]
}

/** Files only: nothing runs yet. */
export const planCreation = ({ directory, driver, layers }: Creation): Step[] => [
  {
    kind: 'mkdir',
    id: 'container.upper',
    why: 'The container’s own layer: what it writes lands here, the layers of the image stay as they are.',
    man: 'mkdir(2)',
    see: `ls ${directory}`,
    path: `${directory}/upper`,
    undo: planRemoval(directory),
  },
  ...(driver === 'copy' ? [planCopy(directory, layers)] : [planWork(directory)]),
  {
    kind: 'mkdir',
    id: 'container.rootfs',
    why: 'Where all layers will be seen as one tree, in the container’s mount namespace only.',
    man: 'mkdir(2)',
    path: `${directory}/rootfs`,
  },
  {
    kind: 'write',
    id: 'container.log',
    why: 'The log is there before the first byte, so that a reader can wait at it.',
    man: 'open(2)',
    see: 'glasspod logs NAME',
    path: `${directory}/log`,
    value: '',
  },
  planRecord(directory),
]

export const planSignal = (pid: number, signal: number, why: string): Step => ({
  kind: 'signal',
  id: 'container.signal',
  why,
  man: 'kill(2)',
  see: 'glasspod ps',
  pid,
  signal,
})

/** Everything at once: there is nothing to wait for. */
export const planKillHard = ({ pid, cgroup }: { pid: number; cgroup: string | undefined }): Step => ({
  kind: 'call',
  id: 'container.kill',
  why: 'What has not ended by now is ended by the kernel; nothing can refuse.',
  man: cgroup === undefined ? 'kill(2)' : 'cgroups(7)',
  effect: 'container.kill',
  input: {},
  shell: cgroup === undefined ? `kill -KILL ${pid}` : `echo 1 > ${cgroup}/cgroup.kill`,
})

const planFreezing = (cgroup: string, frozen: boolean, why: string): Step => ({
  kind: 'write',
  id: frozen ? 'container.freeze' : 'container.thaw',
  why,
  man: 'cgroups(7)',
  path: `${cgroup}/cgroup.freeze`,
  value: frozen ? '1' : '0',
})

const planAwaitFrozen = (cgroup: string, frozen: boolean, why: string): Step => ({
  kind: 'call',
  id: frozen ? 'container.frozen' : 'container.thawed',
  why,
  man: 'cgroups(7)',
  see: `cat ${cgroup}/cgroup.events`,
  effect: 'container.frozen',
  input: {},
  shell: `until grep -qx 'frozen ${frozen ? 1 : 0}' ${cgroup}/cgroup.events; do sleep 0.01; done`,
})

/** A frozen process takes no signal but SIGKILL. */
export const planThaw = (cgroup: string): Step =>
  planFreezing(cgroup, false, 'It is paused: it can only end when it goes on.')

export const planPause = (cgroup: string): Step[] => [
  {
    ...planFreezing(cgroup, true, 'The kernel stops each of its tasks on the way back to user mode; none is told.'),
    undo: planFreezing(cgroup, false, 'Not all of it has stopped, so none of it stays stopped.'),
  },
  planAwaitFrozen(cgroup, true, 'Asked for is not done: the kernel says when the last task has stopped.'),
]

export const planUnpause = (cgroup: string): Step[] => [
  planFreezing(cgroup, false, 'The tasks go on where they were stopped.'),
  planAwaitFrozen(cgroup, false, 'What is below a frozen directory stays frozen: the kernel says whether it goes on.'),
]

export const planWait = (pid: number, seconds: number): Step => ({
  kind: 'call',
  id: 'container.wait',
  why: `Wait for the monitor to record the end, ${seconds < 0 ? 'however long it takes' : `${seconds} s at most`}.`,
  man: 'wait4(2)',
  effect: 'container.wait',
  input: { seconds: `${seconds}` },
  shell: `${seconds < 0 ? '' : `timeout ${seconds} `}tail --pid=${pid} -f /dev/null`,
})
