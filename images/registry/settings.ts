/** Whose configuration counts: the environment that says where a user's files are. */
import { join } from 'node:path'

export interface Settings {
  /** HOME, XDG_CONFIG_HOME, XDG_RUNTIME_DIR, DOCKER_CONFIG, REGISTRY_AUTH_FILE, CONTAINERS_REGISTRIES_CONF, PATH, ... */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds that a credential helper may take; half a minute unless told. */
  readonly helperMs?: number
}

/** What a caller may say of itself; everything else is the agent's own. */
export const SETTING_NAMES = [
  'HOME',
  'XDG_CONFIG_HOME',
  'XDG_RUNTIME_DIR',
  'DOCKER_CONFIG',
  'REGISTRY_AUTH_FILE',
  'CONTAINERS_REGISTRIES_CONF',
  // where credential helpers are
  'PATH',
] as const

const isSet = (value: string | undefined): value is string => value !== undefined && value !== ''

export const homeOf = ({ env }: Settings): string => (isSet(env['HOME']) ? env['HOME'] : '/')

export const configHome = (settings: Settings): string =>
  isSet(settings.env['XDG_CONFIG_HOME']) ? settings.env['XDG_CONFIG_HOME'] : join(homeOf(settings), '.config')

/** docker's own file, which login writes. */
export const dockerConfigFile = (settings: Settings): string =>
  join(
    isSet(settings.env['DOCKER_CONFIG']) ? settings.env['DOCKER_CONFIG'] : join(homeOf(settings), '.docker'),
    'config.json',
  )

/** In the order in which they are asked: containers-auth.json(5), then docker's. */
export const authFiles = (settings: Settings): readonly string[] => {
  const { env } = settings
  if (isSet(env['REGISTRY_AUTH_FILE'])) return [env['REGISTRY_AUTH_FILE']]
  return [
    ...(isSet(env['XDG_RUNTIME_DIR']) ? [join(env['XDG_RUNTIME_DIR'], 'containers/auth.json')] : []),
    join(configHome(settings), 'containers/auth.json'),
    dockerConfigFile(settings),
  ]
}

/** Where login writes: $REGISTRY_AUTH_FILE, else docker's file. */
export const loginFile = (settings: Settings): string => {
  const file = settings.env['REGISTRY_AUTH_FILE']
  return isSet(file) ? file : dockerConfigFile(settings)
}
