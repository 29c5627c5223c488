/**
 * What registries.conf says (containers-registries.conf(5), version 2): which registry a short name means, by which
 * mirrors a name may be served, what is blocked, and where plain HTTP will do. Pure; what is not used here is passed over.
 */
import { Failure } from '../../runtime/errors.ts'
import type { Reference } from '../reference.ts'
import { parseToml, TomlError, type TomlTable, type TomlValue } from './toml.ts'
import type { Endpoint } from './url.ts'

export interface Location {
  /** `mirror.example.com:5000/some/path`. */
  readonly location: string
  readonly insecure: boolean
}

export interface Mirror extends Location {
  readonly pullFrom: 'all' | 'digest-only' | 'tag-only'
}

export interface RegistryRule extends Location {
  /** `docker.io`, `quay.io/team`, `*.example.com`. */
  readonly prefix: string
  readonly blocked: boolean
  readonly mirrors: readonly Mirror[]
}

export interface RegistriesConf {
  /** For names without a registry, in the order in which they are tried. */
  readonly searchRegistries?: readonly string[]
  /** Short names and what they stand for. */
  readonly aliases: Readonly<Record<string, string>>
  readonly rules: readonly RegistryRule[]
  /** Whoever asks takes any registry as if a rule said so. */
  readonly insecure?: boolean
}

export const EMPTY_CONF: RegistriesConf = { aliases: {}, rules: [] }

const PULL_FROM = ['all', 'digest-only', 'tag-only'] as const
/** A host, then perhaps a path: what stands before a repository. */
const LOCATION = /^(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(?::\d{1,5})?(?:\/[a-z0-9._-]+)*$/

const refuse = (path: string, problem: string): never => {
  throw new Failure(`${path}: ${problem}`, { id: 'registry.conf', see: 'containers-registries.conf(5)' })
}

const tables = (value: TomlValue | undefined, path: string, name: string): readonly TomlTable[] => {
  if (value === undefined) return []
  if (!Array.isArray(value)) return refuse(path, `${name} is not [[${name}]]`)
  return value.map((item) =>
    typeof item === 'object' && !Array.isArray(item) ? item : refuse(path, `${name} holds something that is no table`),
  )
}

const string = (table: TomlTable, key: string, path: string): string | undefined => {
  const value = table[key]
  return value === undefined || typeof value === 'string' ? value : refuse(path, `${key} is not a string`)
}

const flag = (table: TomlTable, key: string, path: string): boolean => {
  const value = table[key] ?? false
  return typeof value === 'boolean' ? value : refuse(path, `${key} is not true or false`)
}

const location = (text: string, path: string): string =>
  LOCATION.test(text) ? text : refuse(path, `${JSON.stringify(text)} is not the place of a registry`)

const toMirror = (table: TomlTable, byDigestOnly: boolean, path: string): Mirror => {
  const text = string(table, 'pull-from-mirror', path) ?? (byDigestOnly ? 'digest-only' : 'all')
  const pullFrom = PULL_FROM.find((known) => known === text)
  return {
    location: location(string(table, 'location', path) ?? refuse(path, 'a mirror has no location'), path),
    insecure: flag(table, 'insecure', path),
    pullFrom: pullFrom ?? refuse(path, `pull-from-mirror is ${PULL_FROM.join(', ')}, not ${JSON.stringify(text)}`),
  }
}

const toRule = (table: TomlTable, path: string): RegistryRule => {
  const placed = string(table, 'location', path)
  const prefix = string(table, 'prefix', path) ?? placed ?? refuse(path, 'a [[registry]] has no prefix and no location')
  const isWild = prefix.startsWith('*.')
  location(isWild ? prefix.slice(2) : prefix, path)
  const byDigestOnly = flag(table, 'mirror-by-digest-only', path)
  return {
    prefix,
    location: placed === undefined ? (isWild ? '' : prefix) : location(placed, path),
    insecure: flag(table, 'insecure', path),
    blocked: flag(table, 'blocked', path),
    mirrors: tables(table['mirror'], path, 'registry.mirror').map((mirror) => toMirror(mirror, byDigestOnly, path)),
  }
}

const strings = (value: TomlValue, key: string, path: string): readonly string[] =>
  Array.isArray(value)
    ? value.map((item) =>
        typeof item === 'string' ? location(item, path) : refuse(path, `${key} is not a list of strings`),
      )
    : refuse(path, `${key} is not a list`)

/** One file. @param path for sentences. @throws Failure `registry.conf`. */
export const parseRegistriesConf = (text: string, path: string): RegistriesConf => {
  let root: TomlTable
  try {
    root = parseToml(text)
  } catch (error) {
    if (error instanceof TomlError) return refuse(path, error.message)
    throw error
  }
  if (root['registries'] !== undefined) return refuse(path, '[registries] is version 1 of this file, which is not read')
  const search = root['unqualified-search-registries']
  const aliases = root['aliases'] ?? {}
  if (typeof aliases !== 'object' || Array.isArray(aliases)) return refuse(path, 'aliases is not a table')
  return {
    ...(search !== undefined && { searchRegistries: strings(search, 'unqualified-search-registries', path) }),
    aliases: Object.fromEntries(Object.keys(aliases).map((name) => [name, string(aliases, name, path) ?? ''])),
    rules: tables(root['registry'], path, 'registry').map((table) => toRule(table, path)),
  }
}

/** What a later file says of the same prefix, name or list takes the place of the earlier. */
export const mergeConf = (first: RegistriesConf, second: RegistriesConf): RegistriesConf => {
  const searchRegistries = second.searchRegistries ?? first.searchRegistries
  return {
    ...(searchRegistries !== undefined && { searchRegistries }),
    aliases: { ...first.aliases, ...second.aliases },
    rules: [
      ...first.rules.filter(({ prefix }) => second.rules.every((rule) => rule.prefix !== prefix)),
      ...second.rules,
    ],
  }
}

/** How many characters of `name` the prefix covers; undefined when it is not one. */
const covers = (prefix: string, name: string): number | undefined => {
  if (prefix.startsWith('*.')) {
    const host = name.split('/')[0] ?? ''
    return host.replace(/:\d+$/, '').endsWith(prefix.slice(1)) ? host.length : undefined
  }
  return name === prefix || (name.startsWith(prefix) && /^[/:@]/.test(name.slice(prefix.length)))
    ? prefix.length
    : undefined
}

/** The rule with the longest prefix of the name `registry/repository`. */
export const findRule = ({ rules }: RegistriesConf, { registry, repository }: Reference): RegistryRule | undefined => {
  const name = `${registry}/${repository}`
  return rules
    .filter(({ prefix }) => covers(prefix, name) !== undefined)
    .sort((a, b) => b.prefix.length - a.prefix.length)[0]
}

/** Who may serve a name, and as what. */
export interface Place extends Endpoint {
  readonly repository: string
  readonly isMirror: boolean
}

const toPlace = (text: string, insecure: boolean, isMirror: boolean): Place => {
  const slash = text.indexOf('/')
  return { host: text.slice(0, slash), repository: text.slice(slash + 1), insecure, isMirror }
}

/**
 * The places to pull a name from, mirrors first. Loopback addresses are asked without TLS in any case.
 * @throws Failure `registry.blocked`.
 */
export const placesOf = (conf: RegistriesConf, reference: Reference): readonly Place[] =>
  placesByRule(conf, reference).map((place) => (conf.insecure === true ? { ...place, insecure: true } : place))

const placesByRule = (conf: RegistriesConf, reference: Reference): readonly Place[] => {
  const name = `${reference.registry}/${reference.repository}`
  const rule = findRule(conf, reference)
  if (rule === undefined) return [toPlace(name, false, false)]
  if (rule.blocked) {
    throw new Failure(`registry ${rule.prefix} is blocked`, {
      id: 'registry.blocked',
      why: 'registries.conf on this machine says blocked = true',
      found: `${name} is below the prefix ${rule.prefix}`,
      see: 'containers-registries.conf(5)',
      status: 403,
    })
  }
  const rest = name.slice(covers(rule.prefix, name) ?? 0)
  const fits = ({ pullFrom }: Mirror): boolean =>
    pullFrom === 'all' || (pullFrom === 'digest-only') === (reference.digest !== undefined)
  return [
    ...rule.mirrors.filter(fits).map((mirror) => toPlace(mirror.location + rest, mirror.insecure, true)),
    toPlace(rule.location === '' ? name : rule.location + rest, rule.insecure, false),
  ]
}
