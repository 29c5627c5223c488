/**
 * What only root can prepare for the system user, and the start as that user. Root trusts nothing that this user can
 * write: its own files lie in a directory of root's, and it makes none below the user's.
 */
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { errnoOf, Failure } from '../errors.ts'
import type { PasswdEntry } from '../spec/users.ts'
import { copyBundle, markUsed, pruneCopies } from './agent-files.ts'
import { enableControllers, parseCgroupMount, WANTED } from './cgroup-delegation.ts'
import { selectEnvironment, withSbin } from './environment.ts'
import type { Bundle } from './root-directory.ts'
import { startInside } from './start-inside.ts'

/** Sockets of the system user. */
const RUN = '/run/glasspod'
/** Copies of the bundle, because the installation may lie where only root can read it. */
const PUBLISHED = '/run/glasspod-lib'
/** Where a usable tun device is made, in a mount namespace of the launcher's own. */
const DEVICES = `${PUBLISHED}/dev`
/** Of builds that are used in turn. */
const KEPT_COPIES = 3
/** Directory below the cgroup2 mount. */
const CGROUP = 'glasspod'

const makeDirectory = (path: string, mode: number, user?: PasswdEntry): void => {
  mkdirSync(path, { recursive: true })
  const { uid } = lstatSync(path)
  if (!lstatSync(path).isDirectory() || (uid !== 0 && uid !== user?.uid)) {
    throw new Failure(`${path} is not ours`, { id: 'root.runtime-directory', found: `owner uid ${uid}` })
  }
  chmodSync(path, mode)
  if (user !== undefined) chownSync(path, user.uid, user.gid)
}

export const publishBundle = ({ directory, buildId }: Bundle): Bundle => {
  const published = `${PUBLISHED}/${buildId}`
  makeDirectory(PUBLISHED, 0o755)
  if (!existsSync(published)) pruneCopies(PUBLISHED, KEPT_COPIES, basename(DEVICES))
  copyBundle(directory, published, ['cli.cjs', 'agent.cjs', 'unpack.cjs', 'cni'], true)
  markUsed(published)
  return { directory: published, buildId }
}

/**
 * A directory below the cgroup2 mount that is the user's, with a leaf to be born in: from outside it an ordinary user
 * may not move processes in. Returns cgroup.procs of that leaf; empty where it cannot be made, which the start as the
 * user then explains.
 */
const prepareCgroup = ({ uid, gid }: PasswdEntry): string => {
  const mount = parseCgroupMount(readFileSync('/proc/self/mountinfo', 'utf8'))
  if (mount === undefined) return ''
  const directory = `${mount.mountPoint}/${CGROUP}`
  try {
    enableControllers(mount.mountPoint, WANTED)
    mkdirSync(`${directory}/launch`, { recursive: true })
    const files = ['', '/cgroup.procs', '/cgroup.subtree_control', '/cgroup.threads']
    for (const place of [directory, `${directory}/launch`]) for (const file of files) chownSync(place + file, uid, gid)
    return `${directory}/launch/cgroup.procs`
  } catch (error) {
    if (['EROFS', 'EACCES', 'EPERM'].includes(errnoOf(error) ?? '')) return ''
    throw error
  }
}

/** This process, which is about to become the user, as one that was born there: what it starts can have cgroups. */
export const enterCgroup = (user: PasswdEntry): void => {
  const procs = prepareCgroup(user)
  if (procs !== '') writeFileSync(procs, `${process.pid}`)
}

/**
 * $1 is cgroup.procs of the leaf or empty, $2 an empty directory, the rest is executed. The machine's own /dev stays as
 * it is: in this mount namespace, which the node inherits, a device of mode 0666 covers a tun or fuse of root's only.
 * Where there is none at all, who needs it says so.
 */
const LAUNCH = `
if [ -n "$1" ]; then echo 0 > "$1"; fi
cover() {
  [ -c "$1" ] && [ "$(stat -c %a "$1")" != 666 ] || return 0
  mount -t tmpfs -o size=4k,mode=0700 glasspod "$4" &&
    mknod -m 0666 "$4/device" c "$2" "$3" && mount --bind "$4/device" "$1"
  umount "$4"
}
cover /dev/net/tun 10 200 "$2"
cover /dev/fuse 10 229 "$2"
shift 2
exec "$@"`

export interface AsUser {
  root: string
  user: PasswdEntry
  bundle: Bundle
}

export const startAsUser = async ({ root, user, bundle }: AsUser): Promise<void> => {
  makeDirectory(RUN, 0o700, user)
  makeDirectory(DEVICES, 0o700)
  const said = await startInside({
    prefix: [
      ...['unshare', '--mount', '--propagation', 'slave', '--', 'sh', '-c', LAUNCH, 'sh', prepareCgroup(user), DEVICES],
      // newuidmap(1) needs the bounding set, and none of this gives the user a capability
      ...['setpriv', '--reuid', `${user.uid}`, '--regid', `${user.gid}`, '--init-groups'],
      ...['--inh-caps', '-all', '--ambient-caps', '-all', '--'],
    ],
    cli: `${bundle.directory}/cli.cjs`,
    root,
    env: {
      ...selectEnvironment(process.env, false),
      PATH: withSbin(),
      HOME: user.home,
      USER: user.name,
      LOGNAME: user.name,
    },
  })
  if (said === undefined) return
  throw new Failure(`start the agent of ${root} as ${user.name}: ${said.split('\n').at(-1) ?? ''}`, {
    id: 'rootless.as-root',
    found: said,
    try: `is ${process.execPath} readable for ${user.name}? setpriv --reuid ${user.uid} --clear-groups ${process.execPath} --version`,
  })
}
