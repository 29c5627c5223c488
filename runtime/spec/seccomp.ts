/**
 * `linux.seccomp` of a container: Docker's default profile, one in its format, or none. What is answered for the same
 * request is the same object, so that its filter is compiled once (kernel/seccomp/filter.ts).
 */
import { DEFAULT_PROFILE } from '../kernel/seccomp/default-profile.ts'
import { parseProfile, resolveProfile } from '../kernel/seccomp/profile.ts'
import type { LinuxSeccomp, SeccompContext, SeccompProfile } from '../kernel/seccomp/profile.ts'
import { remember } from '../kernel/seccomp/remember.ts'

const profiles = new Map<string, SeccompProfile>()
const resolved = new WeakMap<SeccompProfile, { caps: string[]; rules: Map<string, LinuxSeccomp> }>()

const OPTION = /^seccomp[:=]/

/** @throws {Failure} `seccomp.profile` for a text that is none */
const findProfile = (options: readonly string[]): SeccompProfile | undefined => {
  const text = options.find((option) => OPTION.test(option))?.replace(OPTION, '')
  if (text === undefined || text === 'builtin' || text === 'default') return DEFAULT_PROFILE
  if (text === 'unconfined') return undefined
  return remember(profiles, text, () => parseProfile(text, 'the profile given with --security-opt seccomp='))
}

/** The rules that hold for this container; undefined for one without a filter. `options`: those of --security-opt. */
export const planSeccomp = (options: readonly string[], context: SeccompContext): LinuxSeccomp | undefined => {
  const profile = findProfile(options)
  return profile === undefined ? undefined : resolveOnce(profile, context)
}

/** A profile may ask about some capabilities only: those are what its rules depend on. */
export const resolveOnce = (profile: SeccompProfile, context: SeccompContext): LinuxSeccomp => {
  let entry = resolved.get(profile)
  if (entry === undefined) {
    const asked = profile.syscalls.flatMap((rule) => [...(rule.includes?.caps ?? []), ...(rule.excludes?.caps ?? [])])
    entry = { caps: [...new Set(asked)].sort(), rules: new Map() }
    resolved.set(profile, entry)
  }
  const held = entry.caps.filter((name) => context.capabilities.includes(name))
  return remember(entry.rules, [context.arch, context.kernel, ...held].join(' '), () =>
    resolveProfile(profile, context),
  )
}
