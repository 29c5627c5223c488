/** What the agent inherits of the environment of whoever happens to start it: as little as it needs. */
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin']
const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin'

const KEPT =
  /^(HOME|USER|LOGNAME|LANG|LC_[A-Z]+|TZ|(https?|no|all|ftp)_proxy|SSL_CERT_(FILE|DIR)|GLASSPOD_STORAGE_DRIVER)$/
const PROXY = /^(HTTPS?|NO|ALL|FTP)_PROXY$/
const SESSION = /^(XDG_[A-Z_]+|DOCKER_CONFIG|REGISTRY_AUTH_FILE|GLASSPOD_(?!ROOT$)[A-Z_]+)$/

/** ip(8), nft(8) and their like are in sbin, which an ordinary user's PATH often lacks. */
export const withSbin = (path = DEFAULT_PATH): string => {
  const directories = path.split(':')
  return [...directories, ...SBIN.filter((directory) => !directories.includes(directory))].join(':')
}

/** `session`: what belongs to the user, and so must not pass to another one. */
export const selectEnvironment = (env: NodeJS.ProcessEnv, session: boolean): Record<string, string> => {
  const selected: Record<string, string> = { PATH: withSbin(env['PATH']) }
  for (const [name, value] of Object.entries(env)) {
    const kept = KEPT.test(name) || PROXY.test(name) || (session && SESSION.test(name))
    if (kept && value !== undefined) selected[name] = value
  }
  return selected
}
