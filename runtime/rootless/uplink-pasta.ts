/**
 * pasta(1): the node's network namespace gets a copy of the host's address and route on a tap device, and a process
 * that carries each connection over. The second choice: its ports are fixed when it starts. Pure.
 */
import type { UplinkPlan } from './uplink-plan.ts'

export const PASTA_DEVICE = 'tap0'
/** Link-local, so it is nobody's; pasta sends what comes here on to the host's resolver. */
const DNS = '169.254.1.1'

/**
 * The namespace goes in as an open descriptor: pasta of 2023 drops its capabilities before it opens `/proc/PID/ns/net`,
 * which the kernel then refuses to a process inside the same user namespace (ptrace(2), access mode checks). pasta of 2025
 * closes what it inherits before it looks, and may open that path: so both are tried.
 *
 * `--no-map-gw`: else the gateway's address would lead to the host's own loopback. `none` four times: nothing is
 * forwarded that was not asked for.
 * @param netns path of the node's network namespace
 */
export const planPasta = (netns: string, runDir: string): UplinkPlan & { pidFile: string } => {
  const pidFile = `${runDir}/pasta.pid`
  return {
    program: 'pasta',
    argv: [
      'pasta',
      '--config-net',
      '--ipv4-only',
      '--no-map-gw',
      ...['-t', 'none', '-u', 'none', '-T', 'none', '-U', 'none'],
      ...['--dns-forward', DNS],
      ...['--ns-ifname', PASTA_DEVICE],
      ...['--pid', pidFile],
      ...['--netns', netns],
    ],
    ready: 'exit',
    pidFile,
    dns: DNS,
  }
}
