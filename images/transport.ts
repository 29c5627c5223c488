/**
 * Where an image comes from or goes to, in the words of containers-transports(5): a registry (`docker://`, or nothing),
 * a Docker daemon, an archive, a layout, a directory. Pure.
 */
import { Failure } from '../runtime/errors.ts'

export type FileTransport = 'docker-archive' | 'oci-archive' | 'oci' | 'dir'

export interface Place {
  readonly transport: FileTransport
  readonly path: string
  /** The image's name in there, or `@2`: the third one. */
  readonly reference?: string
}

export type Transport = { readonly transport: 'docker' | 'docker-daemon'; readonly name: string } | Place

const PATTERN = /^(docker:\/\/|docker-daemon:|docker-archive:|oci-archive:|oci:|dir:)(.*)$/s

/** Of a layout (opencontainers/image-spec, annotations.md: org.opencontainers.image.ref.name). */
const LAYOUT_NAME = /^[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*(?:\/[A-Za-z0-9]+(?:(?:[-._:@+]|--)[A-Za-z0-9]+)*)*$/
const PLACE_IN_LIST = /^@\d{1,6}$/

/** @throws Failure `image.transport`, status 400. */
export const parseTransport = (text: string): Transport => {
  const [, prefix, rest = ''] = PATTERN.exec(text) ?? []
  if (prefix === undefined) return { transport: 'docker', name: text }
  const refuse = (why: string, hint: string): never => {
    throw new Failure(`${text} names no image`, { id: 'image.transport', why, try: hint, status: 400 })
  }
  const transport = prefix.replace(/:.*/, '') as Transport['transport']
  if (transport === 'docker' || transport === 'docker-daemon')
    return rest === '' ? refuse('the name is missing', `${prefix}busybox:1.36`) : { transport, name: rest }
  // A directory has one image, so its path may have colons.
  const colon = transport === 'dir' ? -1 : rest.indexOf(':')
  const [path, reference] = colon === -1 ? [rest, undefined] : [rest.slice(0, colon), rest.slice(colon + 1)]
  if (path === '') return refuse('the path is missing', `${transport}:./image`)
  if (reference === undefined) return { transport, path }
  if (reference === '') return refuse('after the colon comes the name that the image has in there', `${prefix}${path}`)
  const isName = transport === 'docker-archive' || PLACE_IN_LIST.test(reference) || LAYOUT_NAME.test(reference)
  return isName ? { transport, path, reference } : refuse(`${reference} is no name in a layout`, `${prefix}${path}:1.0`)
}

export const isPlace = (transport: Transport): transport is Place => 'path' in transport

/** As an archive's content tells it: a layout is the same whether it lies in a directory or in a tar. */
export const formOf = ({ transport }: Pick<Place, 'transport'>): 'docker-archive' | 'oci-archive' | 'dir' =>
  transport === 'oci' ? 'oci-archive' : transport
