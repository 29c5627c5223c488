/** What the uplink needs of this machine: a tun device, and a program (slirp4netns(1), pasta(1)). */
import { findIn } from '../../kernel/executables.ts'
import { withSbin } from '../../rootless/environment.ts'
import { readDevice, type DeviceFacts } from './device.ts'
import { bad, defineProbe, fine, type Probe } from './probe.ts'

export const TUN = '/dev/net/tun'

export const TUN_DEVICE = defineProbe<DeviceFacts>({
  id: 'uplink.tun',
  group: 'network',
  severity: 'warning',
  title: `the user may open ${TUN}`,
  why: 'The uplink moves packets between the node and the host through a tap device; without it pods reach each other only.',
  advice: `sudo modprobe tun; sudo mkdir -p /dev/net; sudo rm -f ${TUN}; sudo mknod -m 0666 ${TUN} c 10 200`,
  see: 'docs/troubleshooting.md#uplink-tun',
  read: (host) => readDevice(TUN, host),
  judge({ device, errno, ownDevice = false }) {
    if (errno === undefined) return fine(`${device} opens`)
    if (ownDevice) return fine(`${device} is root's; started by root, the node has one of its own`)
    if (errno === 'EACCES' || errno === 'EPERM') {
      return bad(`${device} is there, but not for this user`, {
        try: `sudo chmod 0666 ${device}; echo 'KERNEL=="tun", MODE="0666"' | sudo tee /etc/udev/rules.d/90-tun.rules`,
      })
    }
    return errno === 'ENOENT'
      ? bad(`${device} does not exist`)
      : bad(`the kernel answers ${errno}: the tun driver is not loaded`)
  },
})

export const UPLINK_PROGRAMS = ['slirp4netns', 'pasta'] as const
export type UplinkProgram = (typeof UPLINK_PROGRAMS)[number]

export interface ProgramFacts {
  path: readonly string[]
  wanted: readonly UplinkProgram[]
  /** The first that is there. */
  found: { program: UplinkProgram; file: string } | undefined
}

export const readUplinkProgram = (
  path: readonly string[],
  wanted: readonly UplinkProgram[] = UPLINK_PROGRAMS,
): ProgramFacts => {
  for (const program of wanted) {
    const file = findIn(path, program)
    if (file !== undefined) return { path, wanted, found: { program, file } }
  }
  return { path, wanted, found: undefined }
}

export const UPLINK_PROGRAM = defineProbe<ProgramFacts>({
  id: 'uplink.program',
  group: 'network',
  severity: 'warning',
  title: 'slirp4netns or pasta is there',
  why: 'A rootless network reaches the outside through a program that turns its packets into sockets of the user.',
  advice: 'sudo apt-get install slirp4netns  # or passt; or run with --network none',
  see: 'slirp4netns(1), pasta(1)',
  read: ({ env }) => readUplinkProgram(withSbin(env['PATH']).split(':')),
  judge: ({ path, wanted, found }) =>
    found === undefined ? bad(`no ${wanted.join(' and no ')} in ${[...new Set(path)].join(':')}`) : fine(found.file),
})

export const UPLINK_PROBES: readonly Probe[] = [TUN_DEVICE, UPLINK_PROGRAM]
