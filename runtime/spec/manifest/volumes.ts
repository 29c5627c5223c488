/** `spec.volumes`: an emptyDir lives as long as its pod, a hostPath is a path of this machine. */
import { fields, matching, oneOf, requireField, type Node, type Problems } from './node.ts'
import { readLabel } from './names.ts'
import { readQuantity } from './quantity.ts'
import { REFUSED_VOLUMES } from './refused.ts'

export const HOST_PATH_TYPES = ['', 'DirectoryOrCreate', 'Directory', 'FileOrCreate', 'File', 'Socket'] as const
export type HostPathType = (typeof HOST_PATH_TYPES)[number]

/** For messages: where it stands in the file. */
export type Volume = { name: string; place: string } & (
  | { kind: 'emptyDir'; memory: { /** Bytes. */ size?: number } | undefined }
  | { kind: 'hostPath'; path: string; type: HostPathType }
)

export const readAbsolute = (node: Node, problems: Problems): string | undefined => {
  const path = matching(/^\//, 'an absolute path')(node, problems)
  if (path === undefined) return undefined
  if (path.includes(':')) return problems.add(node, `'${path}' has a colon in it`)
  return path.split('/').includes('..') ? problems.add(node, `'${path}' has .. in it`) : path
}

const readBytes = readQuantity(1, 'write 64Mi, 1G or a number of bytes')

const readEmptyDir = (node: Node, problems: Problems) => {
  const found = fields({ medium: oneOf('', 'Memory'), sizeLimit: readBytes })(node, problems)
  if (found?.sizeLimit === undefined || found.medium === 'Memory') return found
  const at = node.kind === 'map' ? (node.entries.get('sizeLimit') ?? node) : node
  return problems.add(at, 'not supported yet: on a disk nothing enforces it; with medium: Memory it holds')
}

const readHostPath = (node: Node, problems: Problems) => {
  const found = fields({ path: readAbsolute, type: oneOf(...HOST_PATH_TYPES) })(node, problems)
  requireField(node, problems, 'path', found?.path)
  return found
}

export const readVolume = (node: Node, problems: Problems): Volume | undefined => {
  const found = fields({ name: readLabel, emptyDir: readEmptyDir, hostPath: readHostPath }, REFUSED_VOLUMES)(
    node,
    problems,
  )
  if (found === undefined) return undefined
  requireField(node, problems, 'name', found.name)
  const { name, emptyDir, hostPath } = found
  if (name === undefined) return undefined
  if (emptyDir !== undefined && hostPath !== undefined) return problems.add(node, 'is emptyDir and hostPath at once')
  if (hostPath?.path !== undefined)
    return { name, place: node.path, kind: 'hostPath', path: hostPath.path, type: hostPath.type ?? '' }
  // `emptyDir:` and nothing behind it is null, and null is absent
  const isEmpty = node.kind === 'map' && node.entries.has('emptyDir')
  if (emptyDir === undefined && !isEmpty)
    return node.kind === 'map' && node.entries.size > 1
      ? undefined
      : problems.add(node, 'is neither emptyDir nor hostPath')
  const size = emptyDir?.sizeLimit
  return {
    name,
    place: node.path,
    kind: 'emptyDir',
    memory: emptyDir?.medium === 'Memory' ? (size === undefined ? {} : { size }) : undefined,
  }
}
