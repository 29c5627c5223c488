/** The lower directories of an image's overlay mount (overlayfs.rst). Pure. */
import { join } from 'node:path'
import { hexOf } from './digest.ts'
import type { Image } from './image.ts'

/**
 * Absolute paths, the top-most layer first, as `lowerdir=` wants them. A layer that an image has twice is given once,
 * at its highest place: overlayfs refuses overlapping layers (ELOOP), and below it the second adds nothing.
 */
export const overlayLayers = (
  { layersDirectory }: { readonly layersDirectory: string },
  { layers }: Pick<Image, 'layers'>,
): readonly string[] => [...new Set([...layers].reverse().map(({ diffId }) => join(layersDirectory, hexOf(diffId))))]
