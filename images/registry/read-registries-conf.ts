/** The files of containers-registries.conf(5), in its order: one main file, then the drop-ins by name. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, Failure } from '../../runtime/errors.ts'
import { EMPTY_CONF, mergeConf, parseRegistriesConf, type RegistriesConf } from './registries-conf.ts'
import { configHome, type Settings } from './settings.ts'

const MISSING = ['ENOENT', 'ENOTDIR', 'EACCES']

const readIfThere = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (MISSING.includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

const dropIns = async (directory: string): Promise<readonly string[]> => {
  const names = await readdir(directory).catch(() => [] as string[])
  return names
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => join(directory, name))
}

/** A file that CONTAINERS_REGISTRIES_CONF names stands alone, as podman has it. @throws Failure `registry.conf`. */
export const readRegistriesConf = async (settings: Settings): Promise<RegistriesConf> => {
  const named = settings.env['CONTAINERS_REGISTRIES_CONF'] ?? ''
  const home = join(configHome(settings), 'containers')
  if (named !== '') {
    const text = await readIfThere(named)
    if (text !== undefined) return parseRegistriesConf(text, named)
    throw new Failure(`registries.conf ${named} cannot be read`, {
      id: 'registry.conf',
      found: 'CONTAINERS_REGISTRIES_CONF names it',
    })
  }
  let conf = EMPTY_CONF
  for (const path of [join(home, 'registries.conf'), '/etc/containers/registries.conf']) {
    const text = await readIfThere(path)
    if (text === undefined) continue
    conf = parseRegistriesConf(text, path)
    break
  }
  for (const directory of ['/etc/containers/registries.conf.d', join(home, 'registries.conf.d')]) {
    for (const path of await dropIns(directory)) {
      const text = await readIfThere(path)
      if (text !== undefined) conf = mergeConf(conf, parseRegistriesConf(text, path))
    }
  }
  return conf
}
