/** Where an archive goes to. It is opened before the agent is reached, and is there as a whole or not at all. */

export interface Output {
  write: (chunk: Uint8Array) => Promise<void>
  /** It is whole: only now it has its name. @throws Failure `cli.file`. */
  commit: () => Promise<void>
  /** Nothing is left of it, and what was there is as it was. */
  abandon: () => Promise<void>
}

/** @param begin starts the archive. */
export const writeArchive = async (output: Output, begin: () => Promise<AsyncIterable<Uint8Array>>): Promise<void> => {
  try {
    for await (const chunk of await begin()) await output.write(chunk)
  } catch (error) {
    await output.abandon()
    throw error
  }
  await output.commit()
}
