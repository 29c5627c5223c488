/**
 * A layer's blob becomes files. Must run as "root" of the user namespace whose ids the files are to have. The archive
 * is hostile until its DiffID says otherwise, which is known only at its end: see tree.ts, tar-blocks.ts and entry.ts
 * for what it cannot do.
 */
import { Failure } from '../../runtime/errors.ts'
import type { ApplyMarks } from '../../runtime/kernel/layer-marks.ts'
import { counted } from '../counted.ts'
import { createHasher, type Digest } from '../digest.ts'
import { decompress } from './decompress.ts'
import { openTar } from './tar-reader.ts'
import { LayerWriter, type WriterOptions } from './writer.ts'

export interface UnpackOptions extends Omit<WriterOptions, 'form'> {
  /** `overlay` unless told: see WriterOptions. */
  readonly form?: WriterOptions['form']
  /** Does what Node cannot; called at most twice, and only for a layer that needs it. */
  readonly applyMarks: ApplyMarks
  /** Of the DiffID; sha256 unless told. */
  readonly algorithm?: string
  /** Bytes of the uncompressed tar, 64 GiB by default: a bound for decompression bombs. */
  readonly maxBytes?: number | undefined
  /** Bytes from which a layer may grow 200 times at most; 4 GiB by default. */
  readonly ratioFrom?: number | undefined
}

/** What is not as the layer has it; counts of entries. */
export interface Losses {
  /** They lost their owner. */
  readonly squashed: number
  /** Devices that became empty files. */
  readonly placeholders: number
}

export const NO_LOSSES: Losses = { squashed: 0, placeholders: 0 }

export const addLosses = (all: readonly Losses[]): Losses => ({
  squashed: all.reduce((sum, { squashed }) => sum + squashed, 0),
  placeholders: all.reduce((sum, { placeholders }) => sum + placeholders, 0),
})

export interface UnpackedLayer extends Losses {
  /** Digest of the uncompressed tar. */
  readonly diffId: Digest
  /** Of the tar, in bytes. */
  readonly size: number
  readonly entries: number
}

const GIB = 1024 ** 3
const DEFAULT_MAX_BYTES = 64 * GIB
/** No layer of programs and texts comes near it; a bomb of zeros has 1000. */
const MAX_RATIO = 200
/** Below this the ratio does not matter: an image may have a big file of zeros. */
const RATIO_FROM = 4 * GIB

/**
 * @param directory must exist, and for the overlay form be empty; what a failure leaves in it is the caller's to remove.
 * @throws Failure `image.layer` (damaged), `image.entry` (hostile), `image.owner`, `image.unpack`, `image.bomb`,
 *   `image.zstd`, and whatever the source throws.
 */
export const unpackLayer = async (
  source: AsyncIterable<Uint8Array>,
  directory: string,
  {
    applyMarks,
    form = 'overlay',
    algorithm,
    maxBytes = DEFAULT_MAX_BYTES,
    ratioFrom = RATIO_FROM,
    ...owners
  }: UnpackOptions,
): Promise<UnpackedLayer> => {
  const writer = new LayerWriter(directory, { form, ...owners })
  const hasher = createHasher(algorithm)
  let compressed = 0
  let size = 0
  try {
    const blob = counted(source, (bytes) => (compressed = bytes))
    await decompress(blob, async (chunks) => {
      const tar = await openTar(writer)
      for await (const chunk of chunks) {
        size += chunk.length
        if (size > maxBytes || (size > ratioFrom && size > compressed * MAX_RATIO))
          throw bomb({ size, compressed }, { maxBytes, ratioFrom })
        hasher.update(chunk)
        await tar.write(chunk)
      }
      tar.end()
    })
    await applyAll(applyMarks, writer.marks())
    writer.finish()
    await applyAll(applyMarks, writer.times())
  } finally {
    writer.close()
  }
  const { entries, squashed, placeholders } = writer
  return { diffId: hasher.digest(), size, entries, squashed, placeholders }
}

const gib = (bytes: number): number => Number((bytes / GIB).toPrecision(3))

const applyAll = async (applyMarks: ApplyMarks, marks: Parameters<ApplyMarks>[0]): Promise<void> => {
  if (marks.length > 0) await applyMarks(marks)
}

const bomb = (
  { size, compressed }: { readonly size: number; readonly compressed: number },
  { maxBytes, ratioFrom }: { readonly maxBytes: number; readonly ratioFrom: number },
): Failure =>
  new Failure(`the layer grows beyond all measure when unpacked`, {
    id: 'image.bomb',
    why: `a layer may have ${gib(maxBytes)} GiB, and from ${gib(ratioFrom)} GiB on ${MAX_RATIO} times its compressed size`,
    found: `${size} bytes out of ${compressed}`,
  })
