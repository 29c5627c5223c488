/** A layer is unpacked while its blob comes, from the file that it is saved to: here, or by a thread (threads.ts). */
import { readGrowing, type Growing } from './growth.ts'
import { unpackLayer, type UnpackedLayer, type UnpackOptions } from './unpack.ts'

export interface GrowingLayer extends Growing {
  /** See unpackLayer. */
  readonly directory: string
  readonly options: UnpackOptions
}

/** Rejects with what the growth failed with, and as unpackLayer does; then nobody writes to the directory any more. */
export type Unpacker = (layer: GrowingLayer) => Promise<UnpackedLayer>

export const unpackHere: Unpacker = ({ directory, options, ...growing }) =>
  unpackLayer(readGrowing(growing), directory, options)
