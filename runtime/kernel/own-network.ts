/** First calls in new UTS and network namespaces: a name, and a loopback interface that is up (netdevice(7)). */
import { calls, type Call } from '../init/call.ts'
import { AT_FDCWD, flags } from '../init/uapi.ts'

/** include/uapi/linux/if.h */
const IFF_UP = 1

export const planHostname = (hostname: string): Call[] => [
  calls('uts.hostname', 'sethostname(2)', 'hostname')(
    'sethostname',
    [hostname, Buffer.byteLength(hostname)],
    `The host name is ${hostname}.`,
  ),
]

/** struct ifreq: 16 bytes of name, then the flags. @param mappedIds of the user namespace: the kernel refuses others. */
export const planLoopback = (mappedIds: number): Call[] => {
  const call = calls('net.loopback', 'netdevice(7)', 'ip address show lo')
  const request = new Uint8Array(40)
  request.set(Buffer.from('lo'))
  request[16] = IFF_UP
  return [
    call('socket', [flags('AF_INET'), flags('SOCK_DGRAM'), { name: 'IPPROTO_IP', value: 0 }], '', {
      result: { at: 'socket' },
    }),
    call(
      'ioctl',
      [{ load: 'socket' }, flags('SIOCSIFFLAGS'), { bytes: request, shown: '{ifr_name="lo", ifr_flags=IFF_UP}' }],
      'A new network namespace has only a loopback interface, and it is down.',
    ),
    // Docker's settings: the namespace is the container's, so its ports and its ping are too.
    ...sysctl('net.ipv4.ip_unprivileged_port_start', '0', 'Any user of the container may listen on port 80.'),
    ...sysctl('net.ipv4.ping_group_range', `0 ${mappedIds - 1}`, 'And may ping.'),
  ]
}

const sysctl = (name: string, value: string, why: string): Call[] => {
  const call = calls('net.sysctl', 'sysctl(8)', `sysctl ${name}`)
  const next = `sysctl.${name}`
  return [
    call('openat', [AT_FDCWD, `/proc/sys/${name.replaceAll('.', '/')}`, flags('O_WRONLY', 'O_CLOEXEC'), 0], why, {
      result: { at: 'sysctl' },
      tolerate: ['ENOENT', 'EACCES', 'EROFS', 'EPERM'],
      onError: next,
    }),
    call('write', [{ load: 'sysctl' }, value, value.length], '', { tolerate: 'any' }),
    { ...call('jump', []), label: next },
  ]
}
