/** What levels look at in the network namespace of a process, by its files in /proc/PID/net (proc_net(5)). */
import type { Witness } from './level.ts'

/** Names of the network devices. */
export const devicesOf = (see: Witness, pid: number): string[] =>
  [...see.read(`/proc/${pid}/net/dev`).matchAll(/^\s*([^\s:]+):/gm)].map(([, name = '']) => name)

/** TCP ports that somebody listens at: state 0A is LISTEN. */
export const portsOf = (see: Witness, pid: number): number[] =>
  [...(see.read(`/proc/${pid}/net/tcp`) + see.read(`/proc/${pid}/net/tcp6`)).matchAll(/:([0-9A-F]{4}) \S+ 0A /g)].map(
    ([, port = '']) => Number.parseInt(port, 16),
  )
