/**
 * slirp4netns(1): a TCP/IP stack in a process. It moves a tap device into the node's network namespace and turns
 * each connection that comes out of it into a socket of the host. The first choice: 0.8 MB resident, ready in 14 ms,
 * and it opens and closes ports while it runs (cni/hostfwd.ts). Pure.
 */
import type { UplinkPlan } from './uplink-plan.ts'

export const SLIRP_DEVICE = 'tap0'
/** Bytes; the largest that a tap device takes is 65521. */
const MTU = 65_520
/** The addresses of its own network, 10.0.2.0/24: `--configure` sets .100, .2 is the host, .3 the DNS forwarder. */
const ADDRESSES = { address: '10.0.2.100', hostAddress: '10.0.2.2', dns: '10.0.2.3' } as const

/**
 * What keeps pods from the host's loopback.
 *
 * slirp4netns turns its whole network 10.0.2.0/24 into the host's 127.0.0.1, except the forwarder, which becomes the
 * host's resolver. `--disable-host-loopback` forbids that, and with it the answers of a published UDP port to a client
 * on the host's loopback: they are never delivered (1.2.0). With these rules the node forbids it instead: nothing may
 * be begun towards that network but DNS; answers may pass. They are loaded before the uplink runs. Only who has
 * CAP_NET_ADMIN in the node's network namespace, which no pod is in, can take them away.
 */
export const HOST_GUARD = `add table ip glasspod-uplink
add chain ip glasspod-uplink forward { type filter hook forward priority filter; policy accept; }
add chain ip glasspod-uplink output { type filter hook output priority filter; policy accept; }
flush chain ip glasspod-uplink forward
flush chain ip glasspod-uplink output
${['forward', 'output']
  .flatMap((chain) => [
    `add rule ip glasspod-uplink ${chain} ip daddr 10.0.2.3 udp dport 53 accept`,
    `add rule ip glasspod-uplink ${chain} ip daddr 10.0.2.3 tcp dport 53 accept`,
    `add rule ip glasspod-uplink ${chain} ip daddr 10.0.2.0/24 oifname ${SLIRP_DEVICE} ct state { new, invalid, untracked } reject with icmp type admin-prohibited`,
  ])
  .join('\n')}
`

/**
 * Without HOST_GUARD or `--disable-host-loopback` a pod would reach at 10.0.2.2 what listens on the host's 127.0.0.1. Sandbox (an
 * empty root directory) and seccomp limit what a hole in slirp4netns would be worth.
 * @param netnsPid a process in the node's network namespace; the PID form needs no `--userns-path` when it is started
 *   inside the user namespace that owns it
 * @param readyFd the descriptor to which it writes "1" when all is set up, API socket included
 * @param guarded HOST_GUARD is loaded, so the switch may be left out
 */
export const planSlirp4netns = (netnsPid: number, runDir: string, readyFd: number, guarded = false): UplinkPlan => {
  const apiSocket = `${runDir}/slirp4netns.sock`
  return {
    program: 'slirp4netns',
    argv: [
      'slirp4netns',
      '--configure',
      `--mtu=${MTU}`,
      ...(guarded ? [] : ['--disable-host-loopback']),
      '--enable-sandbox',
      '--enable-seccomp',
      `--api-socket=${apiSocket}`,
      `--ready-fd=${readyFd}`,
      `${netnsPid}`,
      SLIRP_DEVICE,
    ],
    ready: 'byte',
    ...ADDRESSES,
    apiSocket,
  }
}
