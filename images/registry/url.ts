/**
 * Which URLs a registry, or what it redirects to, may lead to. A redirect and a token realm are chosen by the other
 * side, and the agent stands in the host's network: so HTTPS, or HTTP to loopback when the registry itself is there,
 * and never link-local addresses, where clouds keep a machine's credentials (169.254.169.254).
 */
import dns from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { Failure } from '../../runtime/errors.ts'

const DOCKER_HUB_HOST = 'registry-1.docker.io'

const unbracket = (host: string): string => host.replace(/^\[|\]$/g, '')

/** The IPv4 address that an IPv6 one only wraps: IPv4-mapped, or NAT64's well-known prefix (RFC 6052). */
const unwrap = (address: string): string => {
  const plain = unbracket(address).toLowerCase()
  const [, dotted, high, low] =
    /^(?:::ffff:|64:ff9b::)(?:(\d+\.\d+\.\d+\.\d+)|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/.exec(plain) ?? []
  if (dotted !== undefined) return dotted
  if (high === undefined || low === undefined) return plain
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

const addresses = (
  ...subnets: readonly (readonly [net: string, prefix: number, family: 'ipv4' | 'ipv6'])[]
): BlockList => {
  const list = new BlockList()
  for (const subnet of subnets) list.addSubnet(...subnet)
  return list
}

/** 0.0.0.0 and :: reach this machine too. */
const LOOPBACK = addresses(['127.0.0.0', 8, 'ipv4'], ['0.0.0.0', 32, 'ipv4'], ['::1', 128, 'ipv6'], ['::', 128, 'ipv6'])
const LINK_LOCAL = addresses(['169.254.0.0', 16, 'ipv4'], ['fe80::', 10, 'ipv6'])

const isIn = (list: BlockList, host: string): boolean => {
  const address = unwrap(host)
  const family = isIP(address.split('%')[0] ?? '')
  return family !== 0 && list.check(address.split('%')[0] ?? '', family === 6 ? 'ipv6' : 'ipv4')
}

export const isLoopback = (host: string): boolean => /(?:^|\.)localhost$/.test(unbracket(host)) || isIn(LOOPBACK, host)

/** fe80::/10, 169.254/16, and the latter written as IPv6. */
export const isLinkLocal = (address: string): boolean => isIn(LINK_LOCAL, address)

/** What answers for a registry: the registry itself, or a mirror of it. */
export interface Endpoint {
  /** Host and port, `docker.io`. */
  readonly host: string
  /** registries.conf says so: certificates are not checked, and plain HTTP will do. */
  readonly insecure: boolean
}

export const isLocal = ({ host }: Endpoint): boolean => isLoopback(new URL(`https://${host}`).hostname)

/** Where to try, in this order. Docker Hub answers elsewhere than its name says. */
export const originsOf = (endpoint: Endpoint): readonly URL[] => {
  const host = endpoint.host === 'docker.io' ? DOCKER_HUB_HOST : endpoint.host
  const [https, http] = [new URL(`https://${host}`), new URL(`http://${host}`)]
  if (isLocal(endpoint)) return [http, https]
  return endpoint.insecure ? [https, http] : [https]
}

const refuse = (url: URL, { host }: Endpoint, why: string): never => {
  throw new Failure(`registry ${host} leads to ${url.protocol}//${url.host}, which is refused`, {
    id: 'registry.url',
    why,
  })
}

/** Is it the registry's own host? Others are where it sends us to. */
export const isOwn = (url: URL, endpoint: Endpoint): boolean =>
  originsOf(endpoint).some(({ host }) => host === url.host)

/** @throws Failure `registry.url` when a registry may not send us there. */
export const checkUrl = (url: URL, endpoint: Endpoint): URL => {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse(url, endpoint, 'only http and https are spoken')
  if (isLinkLocal(url.hostname)) refuse(url, endpoint, 'link-local addresses hold the credentials of cloud machines')
  if (isLoopback(url.hostname) && !isLocal(endpoint)) {
    refuse(url, endpoint, 'a distant registry has no business on this machine')
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname) && !(endpoint.insecure && isOwn(url, endpoint))) {
    refuse(url, endpoint, 'plain HTTP is allowed to loopback addresses only, and where registries.conf says insecure')
  }
  if (url.username !== '' || url.password !== '') refuse(url, endpoint, 'it has a user name in its address')
  return url
}

/** Code of the error of a name that leads where it must not. */
export const LOCAL_ADDRESS = 'ERR_LOCAL_ADDRESS'

/**
 * dns.lookup without the answers that a host name must not lead to: never link-local ones, and loopback only where
 * the registry itself is there.
 */
export const lookupAllowed =
  (mayBeLoopback: boolean): LookupFunction =>
  (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, '')
      const allowed = found.filter(
        ({ address }) => !isLinkLocal(address) && (mayBeLoopback || !isIn(LOOPBACK, address)),
      )
      const [first] = allowed
      if (first === undefined) {
        const refused = new Error(`${hostname} has only addresses of this machine or link`) as NodeJS.ErrnoException
        refused.code = LOCAL_ADDRESS
        return callback(refused, '')
      }
      return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family)
    })
  }
