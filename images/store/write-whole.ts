import { writeSync } from 'node:fs'

/** All of it: write(2) may take a part. */
export const writeWhole = (descriptor: number, chunk: Uint8Array): void => {
  for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at)
}
