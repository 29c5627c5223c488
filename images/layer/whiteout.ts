/**
 * What a layer deletes of the layers below it. In a tar it is a name: `.wh.NAME` hides NAME, `.wh..wh..opq` hides all
 * that its directory had (OCI image-spec layer.md#whiteouts). In overlayfs it is a character device 0/0 in NAME's
 * place, and the xattr `user.overlay.opaque=y` on the directory (kernel Documentation/filesystems/overlayfs.rst, with
 * the mount option userxattr). Node has neither mknod(2) nor setxattr(2), so the marks are made by the caller, all of a
 * layer at once.
 */
const PREFIX = '.wh.'
const OPAQUE = '.wh..wh..opq'

export interface Mark {
  /** Absolute; bytes, because names in a layer need not be UTF-8. */
  readonly path: Buffer
  /** `whiteout`: nothing is at the path, make the device 0/0. `opaque`: a directory is, set the xattr. */
  readonly kind: 'whiteout' | 'opaque'
}

export type ApplyMarks = (marks: readonly Mark[]) => Promise<void>

export type EntryName =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opaque' }
  /** Of aufs itself (`.wh..wh.plnk`); it means nothing here. */
  | { readonly kind: 'metadata' }
  | { readonly kind: 'whiteout'; readonly hidden: string }
  /** `.wh.`, `.wh..`, `.wh...` would hide nothing, the directory itself, or its parent. */
  | { readonly kind: 'invalid' }

/** @param name the last component of an entry's path. */
export const classifyName = (name: string): EntryName => {
  if (!name.startsWith(PREFIX)) return { kind: 'plain' }
  if (name === OPAQUE) return { kind: 'opaque' }
  const hidden = name.slice(PREFIX.length)
  if (hidden === '' || hidden === '.' || hidden === '..') return { kind: 'invalid' }
  return hidden.startsWith(PREFIX) ? { kind: 'metadata' } : { kind: 'whiteout', hidden }
}
