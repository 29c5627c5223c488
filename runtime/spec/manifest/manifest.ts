/** A file of manifests: several documents, each a Pod. Loads the YAML parser, so it is itself loaded when used. */
import { Failure } from '../../errors.ts'
import { Problems, type Node } from './node.ts'
import { readPod, type PodManifest } from './pod.ts'
import { parseDocuments } from './yaml.ts'

const refuse = (sentence: string, advice?: string) =>
  new Failure(sentence, { id: 'play.manifest', try: advice, see: 'docs/play.md', exitCode: 125, status: 400 })

const parseNonEmpty = (text: string, file: string): Node[] => {
  const documents = parseDocuments(text, file)
  if (documents.length === 0) throw refuse(`${file} is empty`, 'a file with `kind: Pod`')
  return documents
}

/**
 * All pods of a file. `file`: as messages shall name it.
 * @throws {Failure} `play.yaml` or `play.manifest`, each with line and path, all problems at once
 */
export const parseManifests = (text: string, file: string): PodManifest[] => {
  const problems = new Problems(file)
  const documents = parseNonEmpty(text, file)
  const pods = documents.flatMap((document) => readPod(document, problems) ?? [])
  problems.throwIfAny()
  refuseTwins(
    pods.map(({ name }) => name),
    file,
  )
  return pods
}

const refuseTwins = (names: string[], file: string): void => {
  const twin = names.find((name, index) => names.indexOf(name) !== index)
  if (twin !== undefined) throw refuse(`${file}: two pods are called '${twin}'`)
}

/** The names of its pods, whatever else stands in it: it may be older or newer than what runs. */
export const parsePodNames = (text: string, file: string): string[] =>
  parseNonEmpty(text, file).map((document) => {
    const entries = document.kind === 'map' ? document.entries : new Map<string, Node>()
    const valueOf = (node: Node | undefined) => (node?.kind === 'scalar' ? node.value : undefined)
    const metadata = entries.get('metadata')
    const name = valueOf(metadata?.kind === 'map' ? metadata.entries.get('name') : undefined)
    const kind = valueOf(entries.get('kind'))
    if (kind !== 'Pod' || typeof name !== 'string')
      throw refuse(`${file}:${document.line}: not a Pod with a name`, 'the file that was played')
    return name
  })
