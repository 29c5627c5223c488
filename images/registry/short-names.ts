/** What a name without a registry means here: an alias, else the registries that registries.conf lists, else Docker Hub. */
import { isFailure } from '../../runtime/errors.ts'
import { DOCKER_HUB, hasRegistry, parseReference, type Reference } from '../reference.ts'
import type { RegistriesConf } from './registries-conf.ts'

const NAME_AND_REST = /^([^@:]+)(.*)$/

/** In the order in which to try them; one for a name with a registry. @throws Failure `image.reference`. */
export const expandName = (text: string, { aliases, searchRegistries }: RegistriesConf): readonly Reference[] => {
  const plain = parseReference(text)
  if (hasRegistry(text)) return [plain]
  const [, name = '', rest = ''] = NAME_AND_REST.exec(text) ?? []
  const alias = Object.hasOwn(aliases, name) ? aliases[name] : undefined
  if (alias !== undefined && alias !== '') return [parseReference(`${alias}${rest}`)]
  return (searchRegistries ?? [DOCKER_HUB]).length === 0
    ? [plain]
    : (searchRegistries ?? [DOCKER_HUB]).map((registry) => parseReference(`${registry}/${text}`))
}

/** The names under which an image that is here may be meant: the expanded ones, and as docker reads it. */
export const namesMeant = (text: string, conf: RegistriesConf): readonly Reference[] => {
  try {
    return [...expandName(text, conf), parseReference(text)]
  } catch (error) {
    if (isFailure(error)) return []
    throw error
  }
}
