/** What takes back a step that has no undo of its own. Hardly any inside a program has: that is what namespaces are good for. */
import type { Step } from '../plan/step.ts'
import { quoteAround } from '../spec/shell-words.ts'
import { findById, type ById } from './by-id.ts'

const NEVER = 'cannot be taken back'

const INSIDE: ById = [
  [/^namespaces\./, 'the namespace ends with its last process'],
  [/^(mounts|rootfs|devices|pod\.(memory|volume))/, 'the mounts end with their namespace'],
  [/^(net|uts)\./, 'it ends with the namespace'],
  [/^process\.exec$/, 'glasspod kill NAME'],
  [/^process\./, 'cannot be taken back: it ends with the process'],
  [/^cgroups\.kill$/, NEVER],
]

const OUTSIDE: ById = [
  [/^image\.manifest$/, 'nothing is changed yet'],
  [/^image\.remove$/, 'glasspod pull IMAGE, or tag another name'],
  [/^image\./, 'glasspod rmi IMAGE'],
  [/^container\.init$/, 'glasspod kill NAME'],
  [/^container\.record$/, 'glasspod rm NAME'],
  [/^container\.limits$/, 'glasspod update NAME, with what it was before'],
  [/^container\.(wait|frozen|thawed)$/, 'nothing is changed'],
  [/^container\.thaw$/, 'glasspod pause NAME'],
  [/^pod\.(record|files)$/, 'glasspod pod rm NAME'],
  [/^node\.(guard|uplink)$/, 'it ends with the network namespace'],
  [/^(exec|root)\./, 'it ends with the process'],
]

/** Such a file is there as long as its directory. */
const IN_CGROUPFS = /\/(cgroup|cpu|cpuset|io|memory|pids)\.[^/]+$/

export const undoInside = (id: string): string => findById(INSIDE, id) ?? 'it ends with the process'

/** @param format how a step is written. */
export const undoOf = (step: Step, format: (step: Step) => string): string => {
  if (step.undo !== undefined) return format(step.undo)
  if (step.kind === 'write' && IN_CGROUPFS.test(step.path))
    return findById(OUTSIDE, step.id) ?? 'it goes with its directory'
  if (step.kind === 'mkdir') return `rmdir ${quoteAround(step.path)}`
  if (step.kind === 'write') return `rm ${quoteAround(step.path)}`
  return findById(OUTSIDE, step.id) ?? NEVER
}
