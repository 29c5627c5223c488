/** A transport that is a file or directory, as a stream to read or to write. */
import { statSync } from 'node:fs'
import type { Place } from '../../../images/transport.ts'
import { Failure } from '../../errors.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import { openFile, openInput } from './file.ts'
import type { Output } from './output.ts'
import { openDir, openLayout, readDir, readLayout } from './tree.ts'

/** Call it before the agent is reached. @throws Failure `cli.file`, `image.archive`. */
export const openSource = ({ transport, path, reference }: Place): AsyncIterable<Uint8Array> => {
  switch (transport) {
    case 'oci':
      return readLayout(path, reference)
    case 'dir':
      return readDir(path)
    case 'docker-archive':
    case 'oci-archive':
      return openInput(path, `glasspod pull ${transport}:FILE`)
  }
}

/** Call it before the agent is reached. @throws Failure `cli.file`. */
export const openDestination = ({ transport, path }: Place): Output => {
  switch (transport) {
    case 'oci':
      return openLayout(path)
    case 'dir':
      return openDir(path)
    case 'docker-archive':
      refuseSecond(path)
      return openFile(path)
    case 'oci-archive':
      return openFile(path)
  }
}

/** As skopeo and podman: what is there may be an archive that somebody means to add to. */
const refuseSecond = (path: string): void => {
  const there = statSync(path, { throwIfNoEntry: false })
  if (there?.isFile() !== true || there.size === 0) return
  throw new Failure(`${path} is there already, and a docker-archive takes no further image`, {
    id: 'cli.file',
    try: `another file; rm ${quoteWord(path)}; or for several images: glasspod save -o ${quoteWord(path)} IMAGE IMAGE...`,
  })
}
