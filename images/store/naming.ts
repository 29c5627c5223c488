/** What giving an image a name changes in index.json. Pure. */
import { nameOf, SOURCE_ANNOTATION, withName, withoutName } from './layout-index.ts'
import type { Descriptor } from '../manifest.ts'

/**
 * The name goes to this manifest, from another one if need be, which stays without, as in docker; without a name the
 * manifest is put in as such an image, unless it is here.
 */
export const planNaming = (
  before: readonly Descriptor[],
  { descriptor, name }: { readonly descriptor: Descriptor; readonly name: string | undefined },
): readonly Descriptor[] => {
  if (name === undefined)
    return before.some(({ digest }) => digest === descriptor.digest) ? before : [...before, withoutName(descriptor)]
  const named = withName(descriptor, name)
  const isSame = (entry: Descriptor): boolean => entry.digest === named.digest && nameOf(entry) === name
  // What a registry has said of it before stays true when it comes once more from elsewhere.
  if (before.some(isSame))
    return before.map((entry) =>
      isSame(entry) ? { ...named, annotations: { ...entry.annotations, ...named.annotations } } : entry,
    )
  const kept = before.flatMap((entry) => {
    if (nameOf(entry) === undefined && entry.digest === named.digest) return []
    if (nameOf(entry) !== name) return [entry]
    const isFoundOtherwise = before.some((other) => other !== entry && other.digest === entry.digest)
    return isFoundOtherwise ? [] : [withoutName(entry)]
  })
  return [...kept, named]
}

/** The entry of a manifest for one more name: what a registry said of the other names says nothing of this one. */
export const entryOf = ({ annotations = {}, ...descriptor }: Descriptor): Descriptor => {
  const { [SOURCE_ANNOTATION]: _source, ...others } = annotations
  return { ...descriptor, annotations: others }
}
