/**
 * What a layer deletes of the layers below it. In a tar it is a name: `.wh.NAME` hides NAME, `.wh..wh..opq` hides all
 * that its directory had (OCI image-spec layer.md#whiteouts). Of what entry it is the name does not matter: aufs made
 * hard links of them.
 */
const PREFIX = '.wh.'
const OPAQUE = '.wh..wh..opq'
const METADATA = '.wh..wh.'

export type EntryName =
  | { readonly kind: 'plain' }
  | { readonly kind: 'opaque' }
  /** Of aufs itself (`.wh..wh.plnk`), or below such a directory; it means nothing here. */
  | { readonly kind: 'metadata' }
  | { readonly kind: 'whiteout'; readonly hidden: string }
  /** `.wh.`, `.wh..`, `.wh...` would hide nothing, the directory itself, or its parent. */
  | { readonly kind: 'invalid' }
  /** Below a whiteout: what is deleted holds nothing. */
  | { readonly kind: 'below' }

/** @param components of an entry's path. */
export const classifyName = (components: readonly string[]): EntryName => {
  const name = components.at(-1) ?? ''
  const above = components.slice(0, -1).filter((component) => component.startsWith(PREFIX))
  if (above.length > 0)
    return { kind: above.some((component) => component.startsWith(METADATA)) ? 'metadata' : 'below' }
  if (!name.startsWith(PREFIX)) return { kind: 'plain' }
  if (name === OPAQUE) return { kind: 'opaque' }
  if (name.startsWith(METADATA)) return { kind: 'metadata' }
  const hidden = name.slice(PREFIX.length)
  return hidden === '' || hidden === '.' || hidden === '..' ? { kind: 'invalid' } : { kind: 'whiteout', hidden }
}
