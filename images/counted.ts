/** The chunks as they come, each told of as it goes on: how many bytes it is now. */
export async function* counted<Chunk extends Uint8Array>(
  chunks: AsyncIterable<Chunk>,
  tell: (bytes: number) => void,
): AsyncGenerator<Chunk> {
  let bytes = 0
  for await (const chunk of chunks) {
    tell((bytes += chunk.length))
    yield chunk
  }
}
