/** Subordinate ids (subuid(5)), and the two programs that hand them out (newuidmap(1)). */
import { lstatSync, realpathSync, statSync } from 'node:fs'
import { isExecutable } from '../../kernel/executables.ts'
import { withSbin } from '../../rootless/environment.ts'
import { quoteWord } from '../../spec/shell-words.ts'
import {
  COMMON_COUNT,
  formatFreeRange,
  parseAllSubids,
  parseSubids,
  SUBGID,
  SUBUID,
  type SubidRange,
} from '../../rootless/subid-ranges.ts'
import { attempt, readText, type Host } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe, type Verdict } from './probe.ts'

export interface RangeFacts {
  file: string
  user: string
  ranges: readonly SubidRange[]
  /** A range that nobody has in either file. */
  freeRange: string
  isFileThere?: boolean
  /** The line `subid:` of nsswitch.conf(5): ranges may come from elsewhere, which unshare(1) does not ask. */
  nss?: string | undefined
}

export const readRanges = ({ user, uid }: Pick<Host, 'user' | 'uid'>, file: string): RangeFacts => {
  const [own, subuid, subgid] = [file, SUBUID, SUBGID].map((path) => readText(path))
  const who = { user: user ?? `${uid}`, uid }
  return {
    file,
    user: who.user,
    ranges: parseSubids(own ?? '', who),
    freeRange: formatFreeRange(subuid ?? '', subgid ?? ''),
    isFileThere: own !== undefined,
    nss: /^subid:\s*(.*\S)/m.exec(readText('/etc/nsswitch.conf') ?? '')?.[1],
  }
}

const formatGrant = (range: string, user: string): string =>
  `sudo usermod --add-subuids ${range} --add-subgids ${range} ${user} && glasspod system reset`

const formatDeletion = (file: string, { start, count }: SubidRange): string =>
  `--del-sub${file === SUBUID ? 'uids' : 'gids'} ${start}-${start + count - 1}`

const judgeRanges = ({ file, user, ranges, freeRange, isFileThere = true, nss }: RangeFacts): Verdict => {
  const [first] = ranges
  const add = formatGrant(freeRange, user)
  // usermod(8) adds to a file that is there
  const grant = isFileThere ? add : `sudo touch ${SUBUID} ${SUBGID} && ${add}`
  if (first === undefined) {
    const elsewhere =
      nss !== undefined && nss !== 'files' ? `; nsswitch.conf has subid: ${nss}, which is not asked` : ''
    return bad((isFileThere ? `no range for ${user} in ${file}` : `there is no ${file}`) + elsewhere, { try: grant })
  }
  if (first.start === 0) {
    return bad(`${file} gives host id 0 to ${user}`, {
      severity: 'blocker',
      try: `sudo sed -i '/^${user}:0:/d' ${file} && ${grant}`,
    })
  }
  const range = `${first.count} ids from ${first.start} on`
  if (first.count >= COMMON_COUNT) return fine(range)
  // unshare(1) takes the first range, so a second one is of no use
  return bad(`${file} gives ${user} only ${range}`, {
    try: `sudo usermod ${formatDeletion(file, first)} ${user} && ${grant}`,
  })
}

const RANGE_WHY =
  'Files of an image belong to many ids, up to 65534. Without a range there is one id inside: files of others cannot ' +
  'be represented, and no process can become another user.'
const RANGE_ADVICE = formatGrant('100000-165535', 'USER')

const defineRange = (id: string, file: string, what: string) =>
  defineProbe<RangeFacts>({
    id,
    group: 'ids',
    severity: 'warning',
    title: `${file} gives the user a range of ${what}`,
    why: RANGE_WHY,
    advice: RANGE_ADVICE,
    see: 'subuid(5), usermod(8)',
    read: (host) => readRanges(host, file),
    judge: judgeRanges,
  })

export const UIDS = defineRange('ids.subuid', SUBUID, 'uids')
export const GIDS = defineRange('ids.subgid', SUBGID, 'gids')

/** Of /etc/subuid and /etc/subgid, and who asks. */
interface Overlap {
  user: string
  uid: number
  texts: readonly string[]
}

const meets = (one: SubidRange, other: SubidRange): boolean =>
  one.start < other.start + other.count && other.start < one.start + one.count

export const OVERLAP = defineProbe<Overlap>({
  id: 'ids.overlap',
  group: 'ids',
  severity: 'warning',
  title: 'no other user has the same ids',
  why: 'Two users with one range may read, change and kill what belongs to the containers of the other.',
  advice: 'grep . /etc/subuid /etc/subgid; sudo usermod --del-subuids FIRST-LAST --del-subgids FIRST-LAST USER',
  see: 'subuid(5)',
  read: ({ user, uid }) => ({ user: user ?? '', uid, texts: [SUBUID, SUBGID].map((file) => readText(file) ?? '') }),
  judge({ user, uid, texts }) {
    const isMine = ({ owner }: { owner: string }) => owner === user || owner === `${uid}`
    const meetings = texts.flatMap((text, index) => {
      const all = parseAllSubids(text)
      return all.filter(isMine).flatMap((mine) => {
        const other = all.find((range) => !isMine(range) && meets(range, mine))
        return other === undefined ? [] : [{ file: [SUBUID, SUBGID][index] ?? '', mine, other }]
      })
    })
    const [first] = meetings
    if (first === undefined) return fine('no range overlaps')
    const deletions = meetings.map(({ file, mine }) => formatDeletion(file, mine)).join(' ')
    return bad(`${first.other.owner} has ids from ${first.other.start} on, ${user} from ${first.mine.start}`, {
      try: `sudo usermod ${deletions} ${user} && ${formatGrant(formatFreeRange(...texts), user)}`,
    })
  },
})

export interface HelperFacts {
  helper: string
  /** Where it was found in PATH. */
  path: string | undefined
  setuid?: boolean
  /** What getcap(8) says of it; undefined where there is no getcap. */
  capabilities?: string | undefined
}

const findProgram = (name: string, env: NodeJS.ProcessEnv): string | undefined =>
  withSbin(env['PATH'])
    .split(':')
    .map((directory) => `${directory}/${name}`)
    .find(isExecutable)

const readHelper = async (host: Host, helper: string): Promise<HelperFacts> => {
  const path = findProgram(helper, host.env)
  if (path === undefined) return { helper, path }
  const stat = statSync(path)
  const getcap = await attempt(['getcap', realpathSync(path)], host)
  return {
    helper,
    path: lstatSync(path).isSymbolicLink() ? realpathSync(path) : path,
    setuid: (stat.mode & 0o4000) !== 0 && stat.uid === 0,
    capabilities: getcap.code === 0 ? getcap.printed : undefined,
  }
}

const judgeHelper = ({ helper, path, setuid = false, capabilities }: HelperFacts): Verdict => {
  if (path === undefined) return bad(`no ${helper} on this machine`)
  if (setuid) return fine(`${path} has the setuid bit`)
  const wanted = helper === 'newuidmap' ? 'cap_setuid' : 'cap_setgid'
  if (capabilities === undefined) return unasked(`${path} has no setuid bit, and no getcap(8) tells its capabilities`)
  if (new RegExp(`${wanted}\\S*[=+]\\S*p`).test(capabilities)) return fine(`${path} has ${wanted}`)
  return bad(`${path} has neither the setuid bit nor ${wanted}: it was copied, or unpacked by an ordinary user`, {
    try: `sudo setcap ${wanted}+ep ${quoteWord(path)}`,
  })
}

const defineHelper = (helper: 'newuidmap' | 'newgidmap') =>
  defineProbe<HelperFacts>({
    id: `ids.${helper}`,
    group: 'ids',
    severity: 'warning',
    title: `${helper}(1) is there and has its privilege`,
    why:
      'The kernel lets an ordinary user map only its own id. These two programs map the ranges of /etc/subuid and ' +
      '/etc/subgid, by a setuid bit or a file capability, which a copy of the program does not have.',
    advice: 'sudo apt-get install --reinstall uidmap',
    see: `${helper}(1), capabilities(7)`,
    read: (host) => readHelper(host, helper),
    judge: judgeHelper,
  })

export const NEWUIDMAP = defineHelper('newuidmap')
export const NEWGIDMAP = defineHelper('newgidmap')

export const SUBID_PROBES: readonly Probe[] = [UIDS, GIDS, OVERLAP, NEWUIDMAP, NEWGIDMAP]
