/** The command that shows what a step has done while it lasts; inside a program, a command of the container. */
import type { Step } from '../plan/step.ts'
import { quoteAround } from '../spec/shell-words.ts'
import { findById, type ById } from './by-id.ts'

/** Of steps whose plan names none: ids, and what shows them. */
const OUTSIDE: ById = [
  // of one that is on its way, nothing else can be asked yet
  [/^image\./, 'glasspod images'],
  [/^network\./, 'glasspod graph'],
  [/^pod\./, 'glasspod pod ps'],
  [/^(container|exec)\./, 'glasspod ps --all'],
  [/^root\.cgroup$/, 'glasspod doctor cgroups.delegation'],
  [/^root\.devices$/, 'glasspod doctor uplink.tun'],
  [/^node\.guard$/, 'nsenter -t $NODE_NETWORK -U -n --preserve-credentials nft list ruleset'],
]

const INSIDE: ById = [
  [/^(mounts|rootfs|pod\.)/, 'cat /proc/self/mountinfo'],
  [/^devices/, 'ls -l /dev'],
  [/^(cgroups\.|pause\.cgroup)/, 'cat /proc/self/cgroup'],
  [/^terminal\./, 'ls -l /proc/self/fd'],
  [/^monitor\.log$/, 'glasspod logs NAME'],
  [/^(monitor|pause|status)\./, 'glasspod graph'],
  [/^process\.session$/, 'cut -d " " -f 6 /proc/self/stat'],
  [/^holder\./, 'glasspod agent status'],
]

/** Of one call of a program, and those that go with it. */
export const seeInside = (id: string, see: string | undefined): string =>
  see ?? findById(INSIDE, id) ?? 'cat /proc/self/status'

export const seeOf = (step: Step): string => {
  if (step.see !== undefined) return step.see
  switch (step.kind) {
    case 'mkdir':
      return `ls -ld ${quoteAround(step.path)}`
    case 'write':
      return `cat ${quoteAround(step.path)}`
    case 'enter':
    case 'signal':
    case 'call':
      return findById(OUTSIDE, step.id) ?? 'glasspod info'
  }
}
