/**
 * Which URLs a registry, or what it redirects to, may lead to. A redirect and a token realm are chosen by the other
 * side, and the agent stands in the host's network: so HTTPS, or HTTP to loopback when the registry itself is there,
 * and never link-local addresses, where clouds keep a machine's credentials (169.254.169.254).
 */
import dns from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import { Failure } from '../../runtime/errors.ts'

const DOCKER_HUB_HOST = 'registry-1.docker.io'

const unbracket = (host: string): string => host.replace(/^\[|\]$/g, '')

export const isLoopback = (host: string): boolean => {
  const name = unbracket(host)
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'))
}

/** fe80::/10, 169.254/16, and the latter written as IPv6 (`::ffff:a9fe:...`, as URL and dns print it). */
export const isLinkLocal = (address: string): boolean => {
  const plain = unbracket(address).toLowerCase()
  return /^169\.254\./.test(plain) || /^fe[89ab][0-9a-f]:/.test(plain) || /^::ffff:(?:169\.254\.|a9fe:)/.test(plain)
}

/** The URL that stands for a registry; Docker Hub answers elsewhere than its name says. */
export const registryUrl = (registry: string): URL => {
  if (registry === 'docker.io') return new URL(`https://${DOCKER_HUB_HOST}`)
  const url = new URL(`https://${registry}`)
  return isLoopback(url.hostname) ? new URL(`http://${registry}`) : url
}

const refuse = (url: URL, registry: string, why: string): never => {
  throw new Failure(`registry ${registry} leads to ${url.protocol}//${url.host}, which is refused`, {
    id: 'registry.url',
    why,
  })
}

/** @throws Failure `registry.url` when a registry may not send us there. */
export const checkUrl = (url: URL, registry: string): URL => {
  const local = isLoopback(registryUrl(registry).hostname)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse(url, registry, 'only http and https are spoken')
  if (isLinkLocal(url.hostname)) refuse(url, registry, 'link-local addresses hold the credentials of cloud machines')
  if (isLoopback(url.hostname) && !local) refuse(url, registry, 'a distant registry has no business on this machine')
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    refuse(url, registry, 'plain HTTP is allowed to loopback addresses only')
  }
  return url
}

/** dns.lookup without link-local answers, so that a host name cannot lead there either. */
export const lookupPublic: LookupFunction = (hostname, options, callback) => {
  dns.lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, '')
    const allowed = found.filter(({ address }) => !isLinkLocal(address))
    const [first] = allowed
    if (first === undefined) {
      const refused = new Error(`${hostname} has only link-local addresses`) as NodeJS.ErrnoException
      refused.code = 'EADDRNOTAVAIL'
      return callback(refused, '')
    }
    return options.all === true ? callback(null, allowed) : callback(null, first.address, first.family)
  })
}
