/**
 * Docker's multiplexed stream: without a terminal, standard output and standard error share one connection, in
 * frames of `{stream, 0, 0, 0, length as 32 bit big endian}` and that many bytes (Docker Engine API, ContainerAttach).
 */
const HEADER = 8
/** What the daemon itself has to say in the middle of a stream. */
const SYSTEM_ERROR = 3

export type Sink = (stream: 'stdout' | 'stderr', bytes: Buffer) => void

/** Takes the connection's chunks, however they are cut; passes payload on at once, never waiting for a whole frame. */
export const demultiplex = (sink: Sink): ((chunk: Buffer) => void) => {
  const header = Buffer.alloc(HEADER)
  let headerLength = 0
  let payloadLeft = 0
  return (chunk) => {
    let rest = chunk
    while (rest.length > 0) {
      if (payloadLeft === 0) {
        const taken = rest.copy(header, headerLength, 0, HEADER - headerLength)
        headerLength += taken
        rest = rest.subarray(taken)
        if (headerLength < HEADER) return
        if ((header[0] ?? 0) > SYSTEM_ERROR) throw new Error(`stream ${header[0] ?? 0} in a multiplexed stream`)
        payloadLeft = header.readUInt32BE(4)
        headerLength = 0
        continue
      }
      const bytes = rest.subarray(0, payloadLeft)
      payloadLeft -= bytes.length
      rest = rest.subarray(bytes.length)
      sink((header[0] ?? 0) >= 2 ? 'stderr' : 'stdout', bytes)
    }
  }
}
