/** What to say and try when a step fails: keyed by step id (or its first part) and error. */
import type { FailureFacts } from '../errors.ts'

interface Hint extends Pick<FailureFacts, 'why' | 'try' | 'see'> {
  step: RegExp
  error: RegExp
}

const HINTS: readonly Hint[] = [
  {
    step: /^mounts\.proc$/,
    error: /EPERM/,
    why: 'a user namespace may mount a new /proc only while a fully visible one is mounted',
    try: 'run outside the container you are in',
    see: 'proc(5), mount_namespaces(7)',
  },
  {
    step: /^mounts\.volume\.sys\./,
    error: /ENOENT|EPERM/,
    why: 'nothing can be made in /sys: what is mounted there must stand for something that is there',
    try: 'another destination',
  },
  {
    step: /^rootfs\.overlay$/,
    error: /EPERM|EINVAL|ENODEV/,
    why: 'overlay in a user namespace needs Linux 5.11, the overlay module, and a filesystem that can hold its upper layer',
    try: 'modprobe overlay as root; or put --root on ext4, xfs, btrfs or tmpfs',
  },
  {
    step: /^layer\.(xattr|opaque)$/,
    error: /EOPNOTSUPP|ENOTSUP/,
    why: 'the filesystem of the root directory keeps no extended attributes of this kind',
    try: 'put --root on ext4, xfs or btrfs; tmpfs keeps user.* since Linux 6.6',
    see: 'xattr(7)',
  },
  {
    step: /^rootfs\.pivot$/,
    error: /EINVAL/,
    why: 'pivot_root(2) is refused where the root is an initial ramdisk',
    try: '--no-pivot',
  },
  {
    step: /^process\.exec$/,
    error: /ENOENT/,
    try: 'check the name, and that the image has it (and its interpreter): glasspod run --entrypoint ls IMAGE -l /bin',
  },
  { step: /^process\.exec$/, error: /EACCES/, try: 'check that it is a file with the execute bit: chmod +x' },
  {
    step: /^process\.exec$/,
    error: /ENOEXEC/,
    why: 'it is neither an executable of this machine nor a script with #! in its first line',
  },
  { step: /^process\.cwd$/, error: /EACCES/, try: '--workdir with a directory that the user may enter' },
  {
    step: /^process\.oom-score-adj$/,
    error: /EACCES|EPERM/,
    why: 'only with CAP_SYS_RESOURCE of the host may a process make itself less likely to be ended than it was',
    try: 'cat /proc/self/oom_score_adj, and --oom-score-adj with that value or more',
  },
  {
    step: /^process\.unshare$/,
    error: /Operation not permitted|No space left/i,
    why: 'this kernel or its policy refuses user namespaces to ordinary users',
    try: 'sysctl user.max_user_namespaces kernel.unprivileged_userns_clone kernel.apparmor_restrict_unprivileged_userns',
    see: 'user_namespaces(7)',
  },
  {
    step: /^process\.unshare$/,
    error: /newuidmap|newgidmap|uid_map|subuid/i,
    why: 'newuidmap(1) and newgidmap(1) give an ordinary user more than one id',
    try: 'apt-get install uidmap; sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER',
    see: 'subuid(5), newuidmap(1)',
  },
]

export const hintFor = (step: string, error: string): Pick<FailureFacts, 'why' | 'try' | 'see'> => {
  const hint = HINTS.find((candidate) => candidate.step.test(step) && candidate.error.test(error))
  return {
    ...(hint?.why === undefined ? {} : { why: hint.why }),
    ...(hint?.try === undefined ? {} : { try: hint.try }),
    ...(hint?.see === undefined ? {} : { see: hint.see }),
  }
}
