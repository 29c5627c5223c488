/**
 * What a user types for an image: `busybox`, `user/app:1.2`, `localhost:5000/x@sha256:...`.
 * The grammar and the Docker Hub defaults are those of github.com/distribution/reference.
 */
import { Failure } from '../runtime/errors.ts'
import { parseDigest, type Digest } from './digest.ts'

export interface Reference {
  /** Host and port as typed, `docker.io` when there was none. */
  readonly registry: string
  /** Path below the registry, `library/busybox`. */
  readonly repository: string
  readonly tag?: string
  readonly digest?: Digest
}

export const DOCKER_HUB = 'docker.io'
const REPOSITORY_LIMIT = 255

const HOST =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:.]+\])$/
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/
const TAG = /^\w[\w.-]{0,127}$/
const IMAGE_ID = /^[a-f0-9]{64}$/

const refuse = (text: string, why: string, hint?: string): never => {
  throw new Failure(`not an image reference: ${JSON.stringify(text.slice(0, 300))}`, {
    id: 'image.reference',
    why,
    try: hint,
    status: 400,
  })
}

const checkRegistry = (text: string, registry: string): void => {
  const [, host = '', port] = /^(.*?)(?::(\d+))?$/.exec(registry) ?? []
  if (!HOST.test(host)) refuse(text, `${JSON.stringify(registry)} is not the name of a registry`)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) {
    refuse(text, `port numbers must be between 1 and 65535 (inclusive), got ${port}`)
  }
}

const checkRepository = (text: string, repository: string): void => {
  if (repository === '') refuse(text, 'the repository name is empty')
  if (repository.length > REPOSITORY_LIMIT) refuse(text, `a repository name has at most ${REPOSITORY_LIMIT} characters`)
  if (repository.split('/').every((part) => PATH_COMPONENT.test(part))) return
  const lower = repository.toLowerCase()
  if (lower !== repository && lower.split('/').every((part) => PATH_COMPONENT.test(part))) {
    refuse(text, 'a repository name is in lower case', text.replace(repository, lower))
  }
  refuse(
    text,
    `${JSON.stringify(repository)} is not a repository name: lower-case letters, digits and . _ - between them`,
  )
}

/** The first component is a registry only when it cannot be a directory of Docker Hub. */
const isRegistry = (component: string): boolean =>
  component.includes('.') ||
  component.includes(':') ||
  component === 'localhost' ||
  component !== component.toLowerCase()

/** Does the text itself say which registry it means? `busybox` and `user/app` do not. */
export const hasRegistry = (text: string): boolean => {
  const slash = text.indexOf('/')
  return slash !== -1 && isRegistry(text.slice(0, slash))
}

/** Pure. @throws Failure `image.reference`, status 400. */
export const parseReference = (text: string): Reference => {
  const at = text.indexOf('@')
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1))
  const named = at === -1 ? text : text.slice(0, at)
  const colon = named.lastIndexOf(':')
  const hasTag = colon > named.lastIndexOf('/')
  const tag = hasTag ? named.slice(colon + 1) : digest === undefined ? 'latest' : undefined
  const name = hasTag ? named.slice(0, colon) : named
  if (tag !== undefined && !TAG.test(tag)) {
    refuse(text, `${JSON.stringify(tag)} is not a tag: letters, digits, _ . -, at most 128`)
  }
  if (IMAGE_ID.test(name)) refuse(text, '64 hex digits are an image id, not a name')

  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const typed = hasRegistry(name)
  const registry = typed && first !== 'index.docker.io' ? first : DOCKER_HUB
  const path = typed ? name.slice(slash + 1) : name
  checkRegistry(text, registry)
  checkRepository(text, path)
  const repository = registry === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path
  return { registry, repository, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) }
}

const suffix = ({ tag, digest }: Reference): string =>
  `${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`

/** A full name without its tag and digest. */
export const repositoryOf = (name: string): string => name.replace(/[:@][^/]*$/, '')

/** The full name, the same for every spelling: `docker.io/library/busybox:latest`. It parses back to the same value. */
export const formatReference = (reference: Reference): string =>
  `${reference.registry}/${reference.repository}${suffix(reference)}`

/** The name as docker shows it, `busybox:latest`. It parses back to the same value. */
export const familiarReference = (reference: Reference): string => {
  if (reference.registry !== DOCKER_HUB) return formatReference(reference)
  const short = reference.repository.replace(/^library\/(?=[^/]+$)/, '')
  return `${isRegistry(short.split('/')[0] ?? '') && short.includes('/') ? `${DOCKER_HUB}/` : ''}${short}${suffix(reference)}`
}
