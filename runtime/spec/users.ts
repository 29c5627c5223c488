/**
 * Who a container runs as: `-u` and an image's USER, looked up in the image's own passwd(5) and group(5), as text. The
 * rules are Docker's and runc's (github.com/moby/sys/user, GetExecUser), since images are written against them.
 */
import { Failure } from '../errors.ts'

/** A line of passwd(5). */
export interface PasswdEntry {
  name: string
  uid: number
  gid: number
  home: string
  shell: string
}

/** A line of group(5). */
export interface GroupEntry {
  name: string
  gid: number
  members: string[]
}

/** Ids as the container counts them. */
export interface ExecUser {
  uid: number
  gid: number
  /** For setgroups(2): the primary group first, then the others. */
  additionalGids: number[]
  /** For HOME: / where no entry says. */
  home: string
  /** The login name, where passwd has one. */
  name?: string
}

/** As Docker: a uid is an int32 that is not negative. 4294967295 would mean "unchanged" to setresuid(2). */
const MAX_ID = 2 ** 31 - 1
/** An image decides how long these texts are; no real one is near this. */
const MAX_BYTES = 4 * 1024 * 1024
/** NGROUPS_MAX, linux/limits.h. */
const MAX_GROUPS = 65536

const unknown = (sentence: string, advice?: string): Failure =>
  new Failure(sentence, { id: 'user.unknown', try: advice, see: 'passwd(5), group(5)', exitCode: 125, status: 400 })

const bounded = (text: string, path: string): string => {
  if (text.length <= MAX_BYTES) return text
  throw new Failure(`${path} of the image has ${text.length} characters, more than ${MAX_BYTES}`, {
    id: 'user.file',
    try: 'give the user by number, with an image whose file is smaller',
    exitCode: 125,
    status: 400,
  })
}

/** An id, or undefined for anything that is not one: text, a sign, a number out of range. */
const parseId = (text: string | undefined): number | undefined => {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const id = Number(text)
  return id <= MAX_ID ? id : undefined
}

/** Lines worth reading: trimmed, without empty ones, comments and NIS's `+` and `-`. */
const lines = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^[#+-]/.test(line))
    .map((line) => line.split(':'))

/** The text of /etc/passwd. Lines without a name or with an id that is no number are passed over. */
export const parsePasswd = (text: string): PasswdEntry[] =>
  lines(bounded(text, '/etc/passwd')).flatMap(([name = '', , uidText, gidText, , home = '', shell = '']) => {
    const [uid, gid] = [parseId(uidText), parseId(gidText)]
    return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home, shell }]
  })

/** The text of /etc/group. Lines without a name or with an id that is no number are passed over. */
export const parseGroup = (text: string): GroupEntry[] =>
  lines(bounded(text, '/etc/group')).flatMap(([name = '', , gidText, members = '']) => {
    const gid = parseId(gidText)
    const names = members.split(',').map((member) => member.trim())
    return name === '' || gid === undefined ? [] : [{ name, gid, members: names.filter((member) => member !== '') }]
  })

export interface UserRequest {
  /** `user`, `uid`, `user:group`, `uid:gid`, `:group`; empty or undefined is root. */
  user?: string | undefined
  /** `--group-add`: names or ids. */
  groupAdd?: readonly string[] | undefined
  /** Text of the image's /etc/passwd; undefined where it has none. */
  passwd?: string | undefined
  /** Text of the image's /etc/group; undefined where it has none. */
  group?: string | undefined
}

const isNumber = (text: string): boolean => /^-?\d+$/.test(text)

/** A number in the place of a name: it needs no entry, but must be an id. */
const numericId = (text: string): number | undefined => {
  if (!isNumber(text)) return undefined
  const id = parseId(text)
  if (id !== undefined) return id
  throw unknown(`uids and gids must be in range 0-${MAX_ID}, got ${text}`)
}

/** `nearby`: names that there are, for the advice. */
const known = (names: readonly string[], noun: string): string =>
  names.length === 0 ? `the image has no ${noun}s: give a number` : `the image has ${names.slice(0, 8).join(', ')}`

const resolveGroup = (word: string, groups: readonly GroupEntry[]): number => {
  const id = numericId(word)
  if (id !== undefined) return id
  const entry = groups.find((group) => group.name === word)
  if (entry !== undefined) return entry.gid
  throw unknown(
    `unable to find group ${word}: no matching entries in group file`,
    known(
      groups.map((group) => group.name),
      'group',
    ),
  )
}

/**
 * The ids, groups and home of a user. A number is always an id, even where someone's name is that number; an id without
 * an entry is fine and has group 0. The groups of group(5) come along for users that passwd knows, unless a group is
 * given: then only that one. Failure `user.unknown`, exit 125, in Docker's words; `user.file` for texts over 4 MiB.
 */
export const resolveUser = (request: UserRequest): ExecUser => {
  const [userWord = '', groupWord = '', ...rest] = (request.user ?? '').split(':')
  if (rest.length > 0) throw unknown(`invalid user '${request.user}'`, 'write user[:group], each a name or a number')
  const users = parsePasswd(request.passwd ?? '')
  const groups = parseGroup(request.group ?? '')
  const wantedUid = userWord === '' ? 0 : numericId(userWord)
  const entry = users.find((user) => (wantedUid === undefined ? user.name === userWord : user.uid === wantedUid))
  if (entry === undefined && wantedUid === undefined)
    throw unknown(
      `unable to find user ${userWord}: no matching entries in passwd file`,
      known(
        users.map((user) => user.name),
        'user',
      ),
    )
  const gid = groupWord === '' ? (entry?.gid ?? 0) : resolveGroup(groupWord, groups)
  const member = groupWord === '' && entry !== undefined ? groups.filter((g) => g.members.includes(entry.name)) : []
  const added = (request.groupAdd ?? []).map((word) => resolveGroup(word, groups))
  // The primary group is listed too: a file that denies a group something would else be open to it (CVE-2022-36109).
  const additionalGids = [...new Set([gid, ...member.map((group) => group.gid), ...added])]
  if (additionalGids.length > MAX_GROUPS)
    throw unknown(`user ${userWord} is in ${additionalGids.length} groups, more than ${MAX_GROUPS}`)
  return {
    uid: wantedUid ?? entry?.uid ?? 0,
    gid,
    additionalGids,
    home: entry?.home || '/',
    ...(entry !== undefined && { name: entry.name }),
  }
}
