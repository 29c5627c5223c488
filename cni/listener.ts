/**
 * Can this socket of the host be had, and if not, who has it? slirp4netns answers a refused port without a reason, so
 * the agent, which is in the same network namespace, tries first.
 */
import { createSocket } from 'node:dgram'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { errnoOf, Failure } from '../runtime/errors.ts'
import { formatPort, type PortMapping, type Protocol } from './ports.ts'

const UNPRIVILEGED_START = '/proc/sys/net/ipv4/ip_unprivileged_port_start'
/** State column of /proc/net/tcp (include/net/tcp_states.h): TCP_LISTEN; an unconnected UDP socket has TCP_CLOSE. */
const WAITING = { tcp: '0A', udp: '07' } as const

/** The inodes of the sockets that wait at a local port, from the text of /proc/net/tcp, tcp6, udp or udp6. */
export const parseSocketInodes = (text: string, protocol: Protocol, port: number): string[] => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((column) => column[1]?.endsWith(suffix) === true && column[3] === WAITING[protocol])
    .flatMap((column) => column[9] ?? [])
}

/** `nginx (pid 12)`, where the process is one that we may look into; else undefined. */
export const readListener = async (protocol: Protocol, port: number): Promise<string | undefined> => {
  const tables = await Promise.all(
    [protocol, `${protocol}6`].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
  )
  const wanted = new Set(
    tables.flatMap((text) => parseSocketInodes(text, protocol, port).map((inode) => `socket:[${inode}]`)),
  )
  if (wanted.size === 0) return undefined
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => [])
    const links = await Promise.all(open.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')))
    if (!links.some((link) => wanted.has(link))) continue
    const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim()
    return `${name} (pid ${pid})`
  }
  return undefined
}

const listen = (protocol: Protocol, address: string, port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    if (protocol === 'tcp') {
      const server = createServer()
      server.once('error', reject)
      server.listen({ host: address, port, exclusive: true }, () => {
        const bound = (server.address() as { port: number }).port
        server.close(() => resolve(bound))
      })
    } else {
      const socket = createSocket('udp4')
      socket.once('error', reject)
      socket.bind({ address, port, exclusive: true }, () => {
        const bound = socket.address().port
        socket.close(() => resolve(bound))
      })
    }
  })

const explain = async (error: unknown, mapping: PortMapping): Promise<Failure> => {
  const { hostIp, hostPort, protocol } = mapping
  const where = `publish ${formatPort(mapping)}`
  switch (errnoOf(error) ?? '') {
    case 'EADDRINUSE': {
      const who = hostPort === undefined ? undefined : await readListener(protocol, hostPort)
      return new Failure(`${where}: port ${hostPort ?? 0} is already in use`, {
        id: 'ports.bind',
        why: `only one process of the host may listen at ${hostIp} ${protocol} port ${hostPort ?? 0}`,
        found: who === undefined ? undefined : `it belongs to ${who}`,
        try: 'publish another port, or leave the host port out to get a free one',
        exitCode: 125,
        status: 409,
      })
    }
    case 'EACCES': {
      const start = (await readFile(UNPRIVILEGED_START, 'utf8').catch(() => '1024')).trim()
      return new Failure(`${where}: port ${hostPort ?? 0} needs a privilege that a rootless runtime lacks`, {
        id: 'ports.privileged',
        why: 'an ordinary user may listen from net.ipv4.ip_unprivileged_port_start on',
        found: `net.ipv4.ip_unprivileged_port_start is ${start}`,
        try: `publish a port from ${start} on, or let the administrator run: sysctl -w net.ipv4.ip_unprivileged_port_start=${hostPort ?? 0}`,
        see: 'ip(7)',
        exitCode: 125,
      })
    }
    case 'EADDRNOTAVAIL':
      return new Failure(`${where}: ${hostIp} is not an address of this host`, {
        id: 'ports.address',
        try: 'ip address',
        exitCode: 125,
        status: 400,
      })
    default:
      return new Failure(`${where}: ${error instanceof Error ? error.message : String(error)}`, {
        id: 'ports.bind',
        exitCode: 125,
      })
  }
}

/**
 * Listens for a moment.
 * @returns the port, which was chosen by the kernel where none was wanted
 * @throws {Failure} `ports.bind` (in use), `ports.privileged`, `ports.address`
 */
export const probePort = async (mapping: PortMapping): Promise<number> => {
  try {
    return await listen(mapping.protocol, mapping.hostIp, mapping.hostPort ?? 0)
  } catch (error) {
    throw await explain(error, mapping)
  }
}
