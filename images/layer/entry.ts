/** One entry of a layer's tar, with everything applied that stood in front of it, and checked. */
import { parseDecimal, parseMoment, type Moment } from './pax.ts'
import { refuseEntry, show } from './refusal.ts'
import type { Facts } from './tar-blocks.ts'
import type { Sparse } from './sparse.ts'

export interface Xattr {
  /** Bytes, one character a byte. */
  readonly name: string
  readonly value: Buffer
}

export interface TarEntry {
  /** For sentences, escaped. */
  readonly shown: string
  /** Path below the layer, never `.`, `..` or empty; none for the layer's root itself. Bytes, as all texts here. */
  readonly components: readonly string[]
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'device' | 'fifo'
  /** Permission bits with setuid, setgid, sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: Moment
  /** Target of a symlink or link. */
  readonly linkname: string
  readonly xattrs: readonly Xattr[]
  readonly sparse: Sparse | undefined
}

export interface RawEntry extends Facts {
  readonly name: string
  readonly linkname: string
}

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  '0': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
}

const S_IFMT = 0o170000
const S_IFSOCK = 0o140000
/** 2^32 - 1 means "leave as it is" to chown(2). */
const ID_END = 0xffff_ffff
/** XATTR_NAME_MAX and XATTR_SIZE_MAX of linux/limits.h. */
const XATTR_MAX = { name: 255, value: 65_536 } as const
const XATTR_PREFIX = 'SCHILY.xattr.'

/** Absolute names count from the layer's root, as in every tar; `..` is refused even where it would stay inside. */
export const splitPath = (bytes: string, shown: string): readonly string[] => {
  if (bytes.includes('\0')) refuseEntry(shown, 'has a NUL in its name')
  const components = bytes.split('/').filter((part) => part !== '' && part !== '.')
  return components.includes('..') ? refuseEntry(shown, 'climbs with ..') : components
}

/** @throws Failure `image.entry`, and `image.layer` for what is no number or no time. */
export const readEntry = ({ name, linkname, pax, sparse, ...header }: RawEntry): TarEntry => {
  const shown = show(name)
  const type = TYPES[header.type] ?? refuseEntry(shown, `is of the unknown type ${show(header.type)}`)
  if ((header.mode & S_IFMT) === S_IFSOCK) refuseEntry(shown, 'is a socket')
  if (linkname.includes('\0')) refuseEntry(shown, 'has a NUL in its link')
  const idOf = (key: 'uid' | 'gid'): number => {
    const told = pax.get(key)
    const id = told === undefined || told === '' ? header[key] : parseDecimal(told, `the ${key} of ${shown}`)
    return id >= 0 && id < ID_END ? id : refuseEntry(shown, `has the owner id ${id}`)
  }
  const time = pax.get('mtime')
  return {
    shown,
    components: splitPath(name, shown),
    type,
    mode: header.mode & 0o7777,
    uid: idOf('uid'),
    gid: idOf('gid'),
    mtime: time === undefined || time === '' ? { seconds: header.mtime, nanoseconds: 0 } : parseMoment(time),
    linkname,
    xattrs: [...pax].flatMap(([key, value]) =>
      key.startsWith(XATTR_PREFIX) ? readXattr(key.slice(XATTR_PREFIX.length), value, shown) : [],
    ),
    sparse,
  }
}

const readXattr = (name: string, text: string, shown: string): Xattr[] => {
  const value = Buffer.from(text, 'latin1')
  if (name === '' || name.length > XATTR_MAX.name || value.length > XATTR_MAX.value)
    refuseEntry(shown, 'has an extended attribute that is longer than any file may have')
  // Overlayfs's own marks: a layer deletes by its whiteouts, and redirects nothing.
  if (/^(user|trusted)\.overlay\./.test(name)) return []
  return [{ name, value: name === 'security.capability' ? withoutRootId(value) : value }]
}

const CAPABILITY_V3 = { version: 0x03, length: 24, revision: 3, lengthOfV2: 20 } as const

/**
 * vfs_ns_cap_data of linux/capability.h: version 3 names the user namespace that it counts in. An image has no user
 * namespace, so what is left is version 2, of which the kernel makes a version 3 of ours.
 */
const withoutRootId = (value: Buffer): Buffer => {
  if (value.length !== CAPABILITY_V3.length || value[CAPABILITY_V3.revision] !== CAPABILITY_V3.version) return value
  const copy = Buffer.from(value.subarray(0, CAPABILITY_V3.lengthOfV2))
  copy[CAPABILITY_V3.revision] = 0x02
  return copy
}
