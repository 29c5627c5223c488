/**
 * One entry of a layer's tar, with PAX's records applied (pax in POSIX.1; tar-stream applies only path, linkpath and
 * size). Names are kept as bytes, one character a byte: a name in a layer need not be UTF-8. Extended attributes
 * (SCHILY.xattr.*, so also file capabilities) are not read yet.
 */
import { Failure } from '../../runtime/errors.ts'

/** What tar-stream really gives: its types promise more. */
export interface TarHeader {
  readonly name: string
  readonly size: number
  readonly mode: number
  readonly mtime: Date
  readonly type: string | null
  readonly linkname: string | null
  readonly uid: number
  readonly gid: number
  readonly pax?: Readonly<Record<string, string>> | null
}

export interface TarEntry {
  /** For sentences, escaped: a name is hostile until shown otherwise. */
  readonly shown: string
  /** Path below the layer, never `.`, `..` or empty; none for the layer's root itself. */
  readonly components: readonly string[]
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'device' | 'fifo'
  /** Permission bits with setuid, setgid, sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Seconds since the epoch. */
  readonly mtime: number
  /** Target of a symlink or link, as bytes. */
  readonly linkname: string
}

const TYPES: Readonly<Record<string, TarEntry['type']>> = {
  file: 'file',
  'contiguous-file': 'file',
  directory: 'directory',
  symlink: 'symlink',
  link: 'link',
  'character-device': 'device',
  'block-device': 'device',
  fifo: 'fifo',
}

/** What a layer must not contain, whoever made it. */
export const refuseEntry = (shown: string, problem: string): never => {
  throw new Failure(`layer entry ${shown} ${problem}`, {
    id: 'image.entry',
    why: 'no tool that makes images writes such an entry; this one may be meant to break out',
  })
}

const show = (bytes: string): string => JSON.stringify(Buffer.from(bytes, 'latin1').toString('utf8').slice(0, 300))

/** Absolute names count from the layer's root, as in every tar; `..` is refused even where it would stay inside. */
export const splitPath = (bytes: string, shown: string): readonly string[] => {
  if (bytes.includes('\0')) refuseEntry(shown, 'has a NUL in its name')
  const components = bytes.split('/').filter((part) => part !== '' && part !== '.')
  return components.includes('..') ? refuseEntry(shown, 'climbs with ..') : components
}

/** Header fields come in as latin1 (see unpack.ts), PAX fields as UTF-8: both become bytes. */
const bytesOf = (field: string | null, pax: string | undefined): string =>
  pax !== undefined && pax === field ? Buffer.from(pax, 'utf8').toString('latin1') : (field ?? '')

const idOf = (header: number, pax: string | undefined, shown: string): number => {
  const id = pax === undefined ? header : Number(pax)
  // 2^32 - 1 means "leave as it is" to chown(2).
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff ? id : refuseEntry(shown, `has the owner id ${id}`)
}

const mtimeOf = (header: Date, pax: string | undefined): number => {
  const seconds = pax === undefined ? header.getTime() / 1000 : Number(pax)
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds, 0), 0xffff_ffff) : 0
}

/** @throws Failure `image.entry`. */
export const readEntry = (header: TarHeader): TarEntry => {
  const pax = header.pax ?? {}
  const name = bytesOf(header.name, pax['path'])
  const shown = show(name)
  const type = TYPES[header.type ?? ''] ?? refuseEntry(shown, 'is of an unknown type')
  if (Object.keys(pax).some((key) => key.startsWith('GNU.sparse.'))) refuseEntry(shown, 'is a GNU sparse file')
  return {
    shown,
    components: splitPath(name, shown),
    type,
    mode: header.mode & 0o7777,
    uid: idOf(header.uid, pax['uid'], shown),
    gid: idOf(header.gid, pax['gid'], shown),
    mtime: mtimeOf(header.mtime, pax['mtime']),
    linkname: bytesOf(header.linkname, pax['linkpath']),
  }
}
