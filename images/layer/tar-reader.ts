/**
 * The entries of a tar, chunk by chunk: tar-stream reads their headers (tar-blocks.ts keeps from it what it would
 * misread), and the data go to the sink in the memory that they came in. As streams of tar-stream they would cost more
 * than zlib and the kernel together.
 */
import { readEntry, type TarEntry } from './entry.ts'
import { damaged } from './refusal.ts'
import { TarBlocks, type Facts } from './tar-blocks.ts'

export interface TarSink {
  /** @returns what takes the entry's content. */
  begin(entry: TarEntry): (chunk: Uint8Array) => void
  end(): void
}

export interface TarReader {
  /** Resolves when the sink has all of the chunk, whose memory may then be used again. */
  write(chunk: Buffer): Promise<void>
  /** @throws Failure `image.layer` when the archive is cut. */
  end(): void
}

/** What tar-stream really gives: its types promise more. */
interface Found {
  readonly name: string
  readonly linkname: string | null
}

/** `write` rejects with what the sink threw, or with Failure `image.layer` for what is not a tar. */
export const openTar = async (sink: TarSink): Promise<TarReader> => {
  const readNames = await openHeaders()
  let headers: Buffer[] = []
  let facts: Facts[] = []
  /** In their order: begin the next entry, take data, end it. */
  let steps: ('begin' | 'end' | Buffer)[] = []
  let take: (chunk: Uint8Array) => void = () => undefined
  const blocks = new TarBlocks({
    entry: (found, header) => {
      facts.push(found)
      headers.push(header)
      steps.push('begin')
    },
    data: (piece) => steps.push(piece),
    end: () => steps.push('end'),
  })
  return {
    async write(chunk) {
      blocks.write(chunk)
      const names = await readNames(headers)
      const [found, work] = [facts, steps]
      ;[headers, facts, steps] = [[], [], []]
      let at = 0
      for (const step of work) {
        if (step === 'end') sink.end()
        else if (step !== 'begin') take(step)
        else take = sink.begin(meet(names[at], found[at++]))
      }
    },
    end: () => blocks.end(),
  }
}

/** @returns what reads plain headers, some at a time. */
const openHeaders = async (): Promise<(headers: readonly Buffer[]) => Promise<readonly Found[]>> => {
  const { extract } = await import('tar-stream')
  // One character a byte: names are not always UTF-8. Unknown format: the one before POSIX's, which has no mark.
  const tar = extract({ filenameEncoding: 'latin1', allowUnknownFormat: true } as Parameters<typeof extract>[0])
  let found: Found[] = []
  let onFound: () => void = () => undefined
  let onError: (error: unknown) => void = () => undefined
  tar.on('entry', ({ name, linkname }, body, next) => {
    body.on('error', () => undefined)
    found.push({ name, linkname: linkname ?? null })
    // In a microtask: tar-stream would go one stack frame deeper with every entry.
    queueMicrotask(() => next(null))
    onFound()
  })
  tar.on('error', (error: unknown) => onError(damaged(error)))
  return async (headers) => {
    if (headers.length === 0) return []
    found = []
    await new Promise<void>((resolve, reject) => {
      onError = reject
      onFound = () => {
        if (found.length === headers.length) resolve()
      }
      tar.write(Buffer.concat(headers))
    })
    return found
  }
}

const meet = (found: Found | undefined, facts: Facts | undefined): TarEntry => {
  if (found === undefined || facts === undefined) throw new Error('a header that nobody has read')
  return readEntry({
    ...facts,
    name: facts.name ?? found.name,
    linkname: facts.linkname ?? found.linkname ?? '',
  })
}
