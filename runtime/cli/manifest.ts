/** The file of manifests that `play` and `down` name: read here, judged by the agent. */
import { readFileSync } from 'node:fs'
import { Failure, errnoOf } from '../errors.ts'

export interface ManifestBody {
  Manifest: string
  File: string
}

export const MANIFEST_OPERAND = { usage: 'FILE|-', min: 1, max: 1 }

/** `-` is standard input. */
export const readManifest = (file: string): ManifestBody => {
  try {
    return { Manifest: readFileSync(file === '-' ? 0 : file, 'utf8'), File: file === '-' ? 'stdin' : file }
  } catch (error) {
    throw new Failure(
      `read ${file}: ${errnoOf(error) ?? String(error)}`,
      { id: 'cli.file', try: 'the path of a manifest, or - for standard input' },
      { cause: error },
    )
  }
}
