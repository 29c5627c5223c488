/** What makes roots where the kernel mounts no overlay: fuse-overlayfs(1), and the device by which it is asked. */
import { findIn } from '../../kernel/executables.ts'
import { withSbin } from '../../rootless/environment.ts'
import { readDevice, type DeviceFacts } from './device.ts'
import { bad, defineProbe, fine, type Probe } from './probe.ts'

const DEVICE = '/dev/fuse'
const PROGRAM = 'fuse-overlayfs'

export const FUSE = defineProbe<DeviceFacts & { program: string | undefined }>({
  id: 'rootfs.fuse',
  group: 'root directory',
  severity: 'note',
  title: `${PROGRAM} is there, and the user may open ${DEVICE}`,
  why: 'where no overlay can be mounted, it shows the layers of a container as one tree; without it each container gets a copy of them',
  advice: `sudo apt-get install ${PROGRAM}`,
  see: 'docs/images.md#storage-drivers',
  read: (host) => ({
    ...readDevice(DEVICE, host),
    program: findIn(withSbin(host.env['PATH']).split(':'), PROGRAM),
  }),
  judge({ device, errno, ownDevice = false, program }) {
    if (program === undefined) return bad(`there is no ${PROGRAM}`)
    if (errno === undefined) return fine(`${program}, and ${device} opens`)
    if (ownDevice) return fine(`${program}; ${device} is root's, started by root the node has one of its own`)
    if (errno === 'EACCES' || errno === 'EPERM')
      return bad(`${device} is there, but not for this user`, {
        try: `sudo chmod 0666 ${device}; echo 'KERNEL=="fuse", MODE="0666"' | sudo tee /etc/udev/rules.d/90-fuse.rules`,
      })
    return bad(errno === 'ENOENT' ? `${device} does not exist` : `${device}: the kernel answers ${errno}`, {
      try: `sudo modprobe fuse; sudo rm -f ${device}; sudo mknod -m 0666 ${device} c 10 229`,
    })
  },
})

export const FUSE_PROBES: readonly Probe[] = [FUSE]
