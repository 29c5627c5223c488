/**
 * Capabilities: root's power in 41 pieces, capabilities(7). Five sets per thread; a container gets a bounding set, and
 * its root gets the same as permitted and effective. Numbers: include/uapi/linux/capability.h, to CAP_LAST_CAP of 6.18.
 */
import { Failure } from '../errors.ts'

/** In the order of their numbers: CAP_CHOWN is 0, CAP_CHECKPOINT_RESTORE (Linux 5.9) 40. */
export const CAPABILITIES = [
  ...['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_DAC_READ_SEARCH', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID'],
  ...['CAP_SETUID', 'CAP_SETPCAP', 'CAP_LINUX_IMMUTABLE', 'CAP_NET_BIND_SERVICE', 'CAP_NET_BROADCAST'],
  ...['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_IPC_LOCK', 'CAP_IPC_OWNER', 'CAP_SYS_MODULE', 'CAP_SYS_RAWIO'],
  ...['CAP_SYS_CHROOT', 'CAP_SYS_PTRACE', 'CAP_SYS_PACCT', 'CAP_SYS_ADMIN', 'CAP_SYS_BOOT', 'CAP_SYS_NICE'],
  ...['CAP_SYS_RESOURCE', 'CAP_SYS_TIME', 'CAP_SYS_TTY_CONFIG', 'CAP_MKNOD', 'CAP_LEASE', 'CAP_AUDIT_WRITE'],
  ...['CAP_AUDIT_CONTROL', 'CAP_SETFCAP', 'CAP_MAC_OVERRIDE', 'CAP_MAC_ADMIN', 'CAP_SYSLOG', 'CAP_WAKE_ALARM'],
  ...['CAP_BLOCK_SUSPEND', 'CAP_AUDIT_READ', 'CAP_PERFMON', 'CAP_BPF', 'CAP_CHECKPOINT_RESTORE'],
] as const

export type Capability = (typeof CAPABILITIES)[number]

export const CAP_LAST_CAP = CAPABILITIES.length - 1

/**
 * What a container's root has when nothing is asked for: Docker's fourteen (moby daemon/pkg/oci/caps/defaults.go).
 * Podman's default is these less AUDIT_WRITE, MKNOD and NET_RAW; images in the wild are made for Docker's.
 */
export const DEFAULT_CAPABILITIES: readonly Capability[] = [
  ...(['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_KILL', 'CAP_SETGID', 'CAP_SETUID'] as const),
  ...(['CAP_SETPCAP', 'CAP_NET_BIND_SERVICE', 'CAP_NET_RAW', 'CAP_SYS_CHROOT', 'CAP_MKNOD'] as const),
  ...(['CAP_AUDIT_WRITE', 'CAP_SETFCAP'] as const),
]

const NUMBERS: ReadonlyMap<string, number> = new Map(CAPABILITIES.map((name, number) => [name, number]))

/** The number of a capability as the kernel counts them: CAP_SYS_ADMIN is 21. */
export const capabilityNumber = (name: Capability): number => NUMBERS.get(name) ?? -1

const isCapability = (name: string): name is Capability => NUMBERS.has(name)

/** Edits to make one word the other (Levenshtein); words here are short. */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

/** The capability that was probably meant: at most a third of its letters wrong, or undefined. */
const nearest = (name: string): Capability | undefined => {
  if (name.length > 64) return undefined
  const ranked = CAPABILITIES.map((known) => ({ known, edits: distance(name, known) })).sort(
    (a, b) => a.edits - b.edits,
  )
  const best = ranked[0]
  return best !== undefined && best.edits <= Math.max(2, Math.floor((name.length - 4) / 3)) ? best.known : undefined
}

const ALL = 'ALL'

/**
 * A name as users write it (SYS_ADMIN, cap_sys_admin, CAP_SYS_ADMIN) to the kernel's name.
 * Failure `capabilities.unknown`, exit 125, for any other word; ALL is not a capability.
 */
export const parseCapability = (word: string): Capability => {
  const upper = word.trim().toUpperCase()
  const name = upper.startsWith('CAP_') ? upper : `CAP_${upper}`
  if (isCapability(name)) return name
  const near = nearest(name)
  throw new Failure(`unknown capability: ${JSON.stringify(word)}`, {
    id: 'capabilities.unknown',
    try: near === undefined ? 'see capabilities(7) for the names' : `did you mean ${near}?`,
    see: 'capabilities(7)',
    exitCode: 125,
    status: 400,
  })
}

export interface CapabilityRequest {
  /** `--cap-add`: names, or ALL. */
  add?: readonly string[] | undefined
  /** `--cap-drop`: names, or ALL. */
  drop?: readonly string[] | undefined
  /** Everything the kernel has; `add` and `drop` are then ignored, as Docker does. */
  privileged?: boolean | undefined
  /** /proc/sys/kernel/cap_last_cap of this kernel: an older one refuses numbers that it does not know. */
  lastCap?: number | undefined
}

/**
 * The capabilities a container may ever have (its bounding set), in the order of their numbers.
 * Rules of Docker (moby daemon/pkg/oci/caps/utils.go): add ALL is everything less the dropped; drop ALL is only the
 * added; otherwise the default less the dropped plus the added, so a name in both lists is added.
 * Failure `capabilities.unknown`, exit 125.
 */
export const planCapabilities = (request: CapabilityRequest = {}): Capability[] => {
  const last = request.lastCap ?? CAP_LAST_CAP
  const known = CAPABILITIES.slice(0, last + 1)
  const isAll = (word: string) => word.trim().toUpperCase() === ALL
  const parse = (words: readonly string[] = []) => ({
    all: words.some(isAll),
    names: new Set(words.filter((word) => !isAll(word)).map(parseCapability)),
  })
  const add = parse(request.add)
  const drop = parse(request.drop)
  if (request.privileged === true) return known
  if (add.all) return known.filter((name) => !drop.names.has(name))
  const kept = drop.all ? [] : DEFAULT_CAPABILITIES.filter((name) => !drop.names.has(name))
  const wanted = new Set([...kept, ...add.names])
  return known.filter((name) => wanted.has(name))
}

/** The five sets of config.json's `process.capabilities` (OCI runtime-spec, config.md#linux-process). */
export interface CapabilitySets {
  bounding: Capability[]
  effective: Capability[]
  permitted: Capability[]
  inheritable: Capability[]
  ambient: Capability[]
}

/**
 * The sets for a container's first process. An ordinary user has the bounding set only, which is what execve(2) would
 * leave of the rest anyway; inheritable is empty (CVE-2022-24769: files with inheritable capabilities).
 */
export const capabilitySets = (bounding: readonly Capability[], uid: number): CapabilitySets => {
  const held = uid === 0 ? [...bounding] : []
  return { bounding: [...bounding], effective: held, permitted: [...held], inheritable: [], ambient: [] }
}

/** The 64 bits of a set as the two 32-bit halves that capset(2) takes. */
export const capabilityMask = (names: Iterable<Capability>): { low: number; high: number } => {
  let low = 0
  let high = 0
  for (const name of names) {
    const number = capabilityNumber(name)
    if (number < 32) low |= 1 << number
    else high |= 1 << (number - 32)
  }
  return { low: low >>> 0, high: high >>> 0 }
}

/** _LINUX_CAPABILITY_VERSION_3: 64-bit sets in two elements; version 1 has 32 bits, 2 is deprecated. */
export const CAPABILITY_VERSION_3 = 0x20080522

/** struct __user_cap_header_struct, 8 bytes: version 3, pid 0 (the calling thread). Little-endian. */
export const capsetHeader = (): Uint8Array => {
  const view = new DataView(new ArrayBuffer(8))
  view.setUint32(0, CAPABILITY_VERSION_3, true)
  return new Uint8Array(view.buffer)
}

/** struct __user_cap_data_struct[2], 24 bytes: effective, permitted, inheritable of the low half, then of the high. */
export const capsetData = (sets: Pick<CapabilitySets, 'effective' | 'permitted' | 'inheritable'>): Uint8Array => {
  const view = new DataView(new ArrayBuffer(24))
  for (const [index, names] of [sets.effective, sets.permitted, sets.inheritable].entries()) {
    const { low, high } = capabilityMask(names)
    view.setUint32(index * 4, low, true)
    view.setUint32(12 + index * 4, high, true)
  }
  return new Uint8Array(view.buffer)
}

/** The numbers to take away with prctl(PR_CAPBSET_DROP), one call each: all up to `lastCap` that are not in the set. */
export const droppedFromBounding = (bounding: readonly Capability[], lastCap: number = CAP_LAST_CAP): number[] => {
  const kept = new Set(bounding.map(capabilityNumber))
  return Array.from({ length: lastCap + 1 }, (_, number) => number).filter((number) => !kept.has(number))
}

/** The sets as /proc/PID/status shows them. A bit newer than this table is named by its number, CAP_41. */
export interface ObservedCapabilities {
  inheritable: string[]
  permitted: string[]
  effective: string[]
  bounding: string[]
  ambient: string[]
}

const namesOf = (hex: string): string[] => {
  const bits = BigInt(`0x${hex}`)
  const names: string[] = []
  for (let number = 0; number < 64; number++)
    if ((bits >> BigInt(number)) & 1n) names.push(CAPABILITIES[number] ?? `CAP_${number}`)
  return names
}

/** The Cap* lines of the text of /proc/PID/status, proc(5). A line that is missing reads as an empty set. */
export const readCapabilities = (status: string): ObservedCapabilities => {
  const set = (key: string) => namesOf(new RegExp(`^${key}:\\s*([0-9a-fA-F]{1,16})$`, 'm').exec(status)?.[1] ?? '0')
  return {
    inheritable: set('CapInh'),
    permitted: set('CapPrm'),
    effective: set('CapEff'),
    bounding: set('CapBnd'),
    ambient: set('CapAmb'),
  }
}
