/** What the agent and a thread that unpacks say to each other (worker_threads: plain data, and bytes without Buffer). */
import { errnoOf, Failure, isFailure, type FailureFacts } from '../../runtime/errors.ts'
import type { Mark } from '../../runtime/kernel/layer-marks.ts'
import type { Grown } from './growth.ts'
import type { UnpackedLayer, UnpackOptions } from './unpack.ts'

export type PlainOptions = Omit<UnpackOptions, 'applyMarks'>

export type ToThread =
  | {
      readonly kind: 'unpack'
      readonly descriptor: number
      readonly directory: string
      readonly options: PlainOptions
    }
  | { readonly kind: 'grown'; readonly grown: Grown }
  | { readonly kind: 'stop' }
  | { readonly kind: 'marked'; readonly fault: Fault | undefined }

export type FromThread =
  | { readonly kind: 'read'; readonly bytes: number }
  | { readonly kind: 'marks'; readonly marks: readonly Mark[] }
  | { readonly kind: 'unpacked'; readonly layer: UnpackedLayer }
  | { readonly kind: 'failed'; readonly fault: Fault }

/** An error as data: of a copied one the facts, or the errno, would be lost. */
export interface Fault {
  readonly message: string
  readonly facts: FailureFacts | undefined
  readonly code: string | undefined
  readonly stack: string | undefined
}

export const toFault = (error: unknown): Fault => ({
  message: error instanceof Error ? error.message : String(error),
  facts: isFailure(error) ? error.facts : undefined,
  code: errnoOf(error),
  stack: error instanceof Error ? error.stack : undefined,
})

export const fromFault = ({ message, facts, code, stack }: Fault): Error => {
  const error = facts === undefined ? new Error(message) : new Failure(message, facts)
  return Object.assign(error, code !== undefined && { code }, stack !== undefined && { stack })
}

/** No functions: TakeOptions, for one, has some. */
export const toPlain = ({ form, algorithm, maxBytes, ratioFrom, idLimit, squash }: UnpackOptions): PlainOptions => ({
  ...(form !== undefined && { form }),
  ...(algorithm !== undefined && { algorithm }),
  maxBytes,
  ratioFrom,
  idLimit,
  squash,
})

/** A copied Buffer is an Uint8Array. */
export const withBuffers = (mark: Mark): Mark => {
  const path = toBuffer(mark.path)
  switch (mark.kind) {
    case 'link':
      return { ...mark, path, target: toBuffer(mark.target) }
    case 'xattr':
      return { ...mark, path, name: toBuffer(mark.name), value: toBuffer(mark.value) }
    case 'whiteout':
    case 'opaque':
    case 'fifo':
    case 'time':
      return { ...mark, path }
  }
}

const toBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer => Buffer.from(buffer, byteOffset, byteLength)
