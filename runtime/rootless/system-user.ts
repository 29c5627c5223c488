/** The system user that root becomes: nothing of glasspod runs as root. */
import { readFileSync } from 'node:fs'
import { Failure } from '../errors.ts'
import { parsePasswd, type PasswdEntry } from '../spec/users.ts'
import { readCurrentBuild, readRuntimeDirectory, socketIn, SYSTEM_HOME, type Bundle } from './root-directory.ts'
import { isAnswering } from './socket.ts'
import { formatFreeRange } from './subid-ranges.ts'

export const SYSTEM_USER = 'glasspod'

const read = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

export const findSystemUser = (passwd = read('/etc/passwd')): PasswdEntry | undefined =>
  parsePasswd(passwd).find(({ name, uid }) => name === SYSTEM_USER && uid !== 0)

export const refuseWithoutUser = (range = formatFreeRange(read('/etc/subuid'), read('/etc/subgid'))): Failure =>
  new Failure(`there is no system user ${SYSTEM_USER}`, {
    id: 'rootless.user',
    why: 'started by root, glasspod goes on as that user: nothing of it runs as root',
    try:
      'scripts/setup; or: ' +
      `useradd --system --create-home --home-dir ${SYSTEM_HOME} --shell /usr/sbin/nologin ${SYSTEM_USER} && ` +
      `usermod --add-subuids ${range} --add-subgids ${range} ${SYSTEM_USER}`,
  })

/** process.initgroups(3), which @types/node 20 leaves out. */
const { initgroups } = process as unknown as { initgroups: (user: string, gid: number) => void }

/** This process itself, from here on. */
export const dropToUser = ({ name, uid, gid, home }: PasswdEntry): void => {
  initgroups.call(process, name, gid)
  process.setgid?.(gid)
  process.setuid?.(uid)
  for (const variable of Object.keys(process.env)) if (variable.startsWith('XDG_')) delete process.env[variable]
  Object.assign(process.env, { HOME: home, USER: name, LOGNAME: name })
}

export interface AsRoot {
  root: string
  start: boolean
  bundle: Bundle | undefined
}

/**
 * Becomes the system user, after starting the agent where that is wanted and none answers. Returns where the user finds
 * the bundle, if it was needed.
 */
export const becomeSystemUser = async ({ root, start, bundle }: AsRoot): Promise<Bundle | undefined> => {
  const user = findSystemUser()
  if (user === undefined) {
    if (start) throw refuseWithoutUser()
    return undefined
  }
  const directory = readRuntimeDirectory(root, user.uid)
  const running = directory !== undefined && (await isAnswering(socketIn(directory)))
  const needed = running ? readCurrentBuild(root) !== bundle?.buildId : start
  let published: Bundle | undefined
  if (needed && bundle !== undefined) {
    const { publishBundle, startAsUser } = await import('./as-root.ts')
    published = publishBundle(bundle)
    if (!running) await startAsUser({ root, user, bundle: published })
  }
  dropToUser(user)
  return published
}
