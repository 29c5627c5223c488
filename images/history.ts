/** How an image was made: the `history` of its config (OCI image-spec config.md), one entry a build step. Pure. */
import type { Digest } from './digest.ts'
import { arrayField, optionalString, parseDocument, toDocument } from './document.ts'
import type { ImageLayer } from './image.ts'

export interface HistoryStep {
  /** RFC 3339. */
  readonly created?: string
  readonly createdBy: string
  readonly comment: string
  /** Bytes of the layer's blob; 0 for a step that made none. */
  readonly size: number
  readonly layer?: Digest
}

interface Told {
  readonly created?: string
  readonly createdBy: string
  readonly comment: string
  readonly isEmpty: boolean
}

const readTold = (configBytes: Uint8Array): readonly Told[] => {
  const config = parseDocument(configBytes, 'image config')
  if (config.fields['history'] === undefined || config.fields['history'] === null) return []
  return arrayField(config, 'history').map((item, at) => {
    const step = toDocument(item, `step ${at} of the history of ${config.what}`)
    const created = optionalString(step, 'created')
    return {
      ...(created !== undefined && { created }),
      createdBy: optionalString(step, 'created_by') ?? '',
      comment: optionalString(step, 'comment') ?? '',
      isEmpty: step.fields['empty_layer'] === true,
    }
  })
}

/**
 * The last step first. Layers that the history does not tell of come as steps without words.
 * @throws Failure `image.document`.
 */
export const planHistory = (configBytes: Uint8Array, layers: readonly ImageLayer[]): readonly HistoryStep[] => {
  const left = [...layers]
  const steps = readTold(configBytes).map(({ isEmpty, ...told }): HistoryStep => {
    const layer = isEmpty ? undefined : left.shift()
    return { ...told, size: layer?.size ?? 0, ...(layer !== undefined && { layer: layer.digest }) }
  })
  const untold = left.map(({ digest, size }) => ({ createdBy: '', comment: '', size, layer: digest }))
  return [...steps, ...untold].reverse()
}
