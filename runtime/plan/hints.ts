/** What to say and try when a step fails: keyed by step id (or its first part) and error. */
import type { FailureFacts } from '../errors.ts'

interface Hint extends Pick<FailureFacts, 'why' | 'try' | 'see'> {
  step: RegExp
  error: RegExp
  /** Of `glasspod doctor`: conditions that may be the cause; why, what was found and what to try then come from them. */
  probes?: readonly string[]
}

const HINTS: readonly Hint[] = [
  { step: /^mounts\.proc$/, error: /EPERM/, probes: ['mounts.proc'] },
  { step: /^mounts\.sys$/, error: /EPERM/, probes: ['mounts.sys'] },
  {
    step: /^mounts\.volume\.sys\./,
    error: /ENOENT|EPERM/,
    why: 'nothing can be made in /sys: what is mounted there must stand for something that is there',
    try: 'another destination',
  },
  {
    step: /^rootfs\.overlay$/,
    error: /EPERM|EINVAL|ENODEV|ENOSPC/,
    probes: ['rootfs.overlay', 'kernel.version', 'root.space'],
  },
  {
    step: /^rootfs\.fuse$/,
    error: /ENOENT|ENODEV|ENXIO|EACCES|EPERM|EINVAL|ENOTCONN/,
    probes: ['rootfs.fuse'],
  },
  {
    step: /^layer\.whiteout$/,
    error: /EPERM|EINVAL|ENODEV|EOPNOTSUPP/,
    why: 'a file that a layer deletes is kept as a device 0/0; an overlay takes none in it, nor do file servers',
    try: 'glasspod --root DIR, or GLASSPOD_ROOT=DIR, on ext4, xfs, btrfs or tmpfs',
    see: 'https://docs.kernel.org/filesystems/overlayfs.html',
    probes: ['rootfs.overlay'],
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
    why: 'pivot_root(2) takes only a mount, which rootfs.overlay makes, and leaves no initial ramdisk',
    try: 'with rootfs.overlay, if --without left it out; else --no-pivot, where / is an initial ramdisk',
    see: 'pivot_root(2)',
  },
  {
    step: /^process\.exec$/,
    error: /ENOENT/,
    try: 'the name, or its interpreter: glasspod run --entrypoint ls IMAGE -l /bin',
  },
  { step: /^process\.exec$/, error: /EACCES/, try: 'check that it is a file with the execute bit: chmod +x' },
  {
    step: /^process\.(exec|cwd)$/,
    error: /ENOTCONN/,
    why: 'fuse-overlayfs, which answered for the root of the container, has ended',
    try: 'glasspod restart NAME; what was written before it ended is kept',
  },
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
    error: /newuidmap|newgidmap|uid_map|subuid/i,
    probes: ['ids.map', 'ids.newuidmap', 'ids.newgidmap', 'ids.subuid', 'ids.subgid', 'userns.capabilities'],
  },
  { step: /^process\.(unshare|nsenter)$/, error: /failed to execute .*Permission denied/i, probes: ['root.noexec'] },
  {
    step: /^process\.unshare$/,
    error: /Operation not permitted|No space left/i,
    probes: ['userns.create', 'userns.capabilities', 'userns.kinds'],
  },
]

export const hintFor = (step: string, error: string): Omit<Hint, 'step' | 'error'> => {
  const hint = HINTS.find((candidate) => candidate.step.test(step) && candidate.error.test(error))
  if (hint === undefined) return {}
  const { step: _step, error: _error, ...facts } = hint
  return facts
}
