/**
 * `--cgroup-conf memory.high=64m`, Podman's flag: a file of the cgroup directory as the kernel names it, to
 * `linux.resources.unified` of config.json (runtime-spec config-linux.md#unified).
 */
import { Failure } from '../errors.ts'

const invalid = (sentence: string, advice: string): Failure =>
  new Failure(sentence, { id: 'cgroup-conf', try: advice, see: 'cgroups(7)', exitCode: 125, status: 400 })

/** Failure `cgroup-conf`, exit 125. A value may have = in it: io.max=8:0 rbps=1048576. */
export const parseCgroupConf = (words: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    words.map((word) => {
      const at = word.indexOf('=')
      if (at <= 0) throw invalid(`--cgroup-conf must be formatted KEY=VALUE, not ${word}`, 'memory.high=64m')
      return [word.slice(0, at), word.slice(at + 1)]
    }),
  )

/** Names of files only, of controllers only, and one line each: the rest of the directory is the runtime's. */
export const planUnified = (conf: Record<string, string> | null | undefined): Record<string, string> | undefined => {
  const entries = Object.entries(conf ?? {})
  for (const [file, value] of entries) {
    if (file.startsWith('cgroup.'))
      throw invalid(`${file} cannot be set: it is how the container is run`, 'glasspod pause, kill, or a limit')
    if (!/^[a-z][a-z0-9_]*(?:\.[A-Za-z0-9_]+)+$/.test(file))
      throw invalid(`invalid cgroup file '${file}'`, 'CONTROLLER.NAME, as in memory.high')
    if (typeof value !== 'string' || value === '' || /[\0\n]/.test(value))
      throw invalid(`invalid value for ${file}`, 'one line, as it would be written to the file')
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
