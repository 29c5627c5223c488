/** What a level of the tutorials is made of. Everything that is said is there in every language, or does not compile. */

export const LANGUAGES = ['en', 'zh'] as const
export type Language = (typeof LANGUAGES)[number]
export type Text = Record<Language, string>

/** What the checks of a level look with: at the kernel, and at what the reader's shell knows. */
export interface Witness {
  /** A variable of the shell. */
  value: (name: string) => Promise<string>
  /** The same as a number: a pid. */
  pid: (name: string) => Promise<number>
  /** A file below the level's directory, or an absolute one; '' where it cannot be read. */
  read: (path: string) => string
  /** Inode number of a namespace of a process, or of our own. */
  namespace: (pid: number | 'self', kind: string) => string
  /** A field of /proc/PID/status. */
  status: (pid: number, field: string) => string
  /** What the last command printed, and its exit code. */
  output: string
  exitCode: number
  /** The level's directory. */
  directory: string
}

/** Something that not every machine has. What needs it is left out, and says so by this name. */
export interface Need {
  name: Text
  isThere: (witness: Witness) => Promise<boolean> | boolean
}

export interface Step {
  /** What comes, and why: one or two sentences. */
  say: Text
  needs?: Need
  /** Given to the reader's shell, a POSIX one. */
  run: string
  /** Must this fail? Then this is what the failure teaches. */
  fails?: Text
  /** What is to be seen in the kernel now. Asked again until it holds, or five seconds have passed. */
  check: (witness: Witness) => Promise<boolean> | boolean
  /** What the check looks at, as a fact. */
  fact: Text
  /** What to say when it does not hold: what was probably left out. */
  nearly: Text
}

export interface Level {
  /** Two digits. */
  id: string
  /** As the file is called. */
  name: string
  title: Text
  /** A few lines. */
  concept: Text
  /** What to type in a second terminal, to see it from there. */
  watch: string
  /** What has to be there beyond a user namespace, or the level is left out. */
  needs?: Pick<Need, 'name'> & { isThere: () => boolean }
  /** `$CGROUP` is to be a cgroup directory of the level's own; a level that needs it is left out where none can be had. */
  cgroup?: 'needed' | 'wanted'
  /** Where `$IMAGE` is to be: in the store of `glasspod`, or only in a registry of the level's own, at `$REGISTRY`. */
  image?: 'stored' | 'served'
  steps: readonly Step[]
  question: { ask: Text; answer: Text }
}
