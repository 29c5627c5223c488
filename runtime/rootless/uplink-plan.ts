/** What pasta's and slirp4netns's plans have in common. */
import type { UplinkProgram } from '../see/doctor/uplink.ts'

/** What to start, and what will then be so. */
export interface UplinkPlan {
  program: UplinkProgram
  argv: string[]
  /** slirp4netns writes a byte to a descriptor; pasta goes into the background and its first process ends. */
  ready: 'byte' | 'exit'
  /** The node's IPv4 address on the uplink; pasta's is known when it runs. */
  address?: string
  /** Where the node reaches the host. */
  hostAddress?: string
  /** The DNS forwarder, as seen from the node. */
  dns: string
  apiSocket?: string
  pidFile?: string
}
