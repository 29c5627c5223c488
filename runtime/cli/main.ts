/**
 * The command line: global options, then one verb of this table. A verb is loaded when it is used, so that
 * `--version` and `--help` cost nothing but Node itself.
 */
import { STDERR, STDOUT, write } from './output.ts'
import type { VerbEntry } from './verb.ts'

export const VERBS: readonly VerbEntry[] = [
  { name: 'run', summary: 'create a container and run a command in it', load: () => import('./verbs/run.ts') },
  { name: 'create', summary: 'create a container without starting it', load: () => import('./verbs/create.ts') },
  { name: 'start', summary: 'start containers', load: () => import('./verbs/start.ts') },
  { name: 'stop', summary: 'ask containers to end, then kill them', load: () => import('./verbs/stop.ts') },
  { name: 'restart', summary: 'stop containers and start them again', load: () => import('./verbs/restart.ts') },
  { name: 'kill', summary: 'send a signal to containers', load: () => import('./verbs/kill.ts') },
  {
    name: 'wait',
    summary: 'wait for containers to end, print their exit codes',
    load: () => import('./verbs/wait.ts'),
  },
  { name: 'pause', summary: 'stop all processes of containers where they are', load: () => import('./verbs/pause.ts') },
  { name: 'unpause', summary: 'let paused containers go on', load: () => import('./verbs/unpause.ts') },
  { name: 'update', summary: 'change the limits of containers', load: () => import('./verbs/update.ts') },
  { name: 'rm', summary: 'remove containers', load: () => import('./verbs/rm.ts') },
  { name: 'exec', summary: 'run one more command in a running container', load: () => import('./verbs/exec.ts') },
  { name: 'logs', summary: 'show what a container has written', load: () => import('./verbs/logs.ts') },
  { name: 'ps', summary: 'list containers', load: () => import('./verbs/ps.ts') },
  { name: 'stats', summary: 'show what containers use', load: () => import('./verbs/stats.ts') },
  { name: 'inspect', summary: 'show all about containers, images or pods', load: () => import('./verbs/inspect.ts') },
  {
    name: 'pull',
    summary: 'fetch an image from a registry',
    also: 'image pull',
    load: () => import('./verbs/pull.ts'),
  },
  { name: 'push', summary: 'send an image to a registry', also: 'image push', load: () => import('./verbs/push.ts') },
  { name: 'save', summary: 'write images into an archive', also: 'image save', load: () => import('./verbs/save.ts') },
  { name: 'load', summary: 'read images from an archive', also: 'image load', load: () => import('./verbs/load.ts') },
  {
    name: 'import',
    summary: 'make an image from the tar of a root directory',
    also: 'image import',
    load: () => import('./verbs/import.ts'),
  },
  {
    name: 'from-dir',
    summary: 'make an image from a directory',
    also: 'image from-dir',
    load: () => import('./verbs/from-dir.ts'),
  },
  {
    name: 'export',
    summary: "write a container's root into a tar",
    load: () => import('./verbs/export.ts'),
  },
  { name: 'login', summary: 'log in to a registry', load: () => import('./verbs/login.ts') },
  { name: 'logout', summary: 'forget the login for a registry', load: () => import('./verbs/logout.ts') },
  { name: 'images', summary: 'list images', also: 'image ls', load: () => import('./verbs/images.ts') },
  { name: 'rmi', summary: 'remove images', also: 'image rm', load: () => import('./verbs/rmi.ts') },
  { name: 'tag', summary: 'give an image one more name', also: 'image tag', load: () => import('./verbs/tag.ts') },
  {
    name: 'history',
    summary: 'show the steps that made an image',
    also: 'image history',
    load: () => import('./verbs/history.ts'),
  },
  { name: 'image inspect', summary: 'show all about images', load: () => import('./verbs/image-inspect.ts') },
  {
    name: 'image prune',
    summary: 'remove images that nothing needs',
    also: 'images prune',
    load: () => import('./verbs/image-prune.ts'),
  },
  {
    name: 'image tree',
    summary: 'show the layers of an image, and which one owns a path',
    load: () => import('./verbs/image-tree.ts'),
  },
  { name: 'pod create', summary: 'create a pod', load: () => import('./verbs/pod-create.ts') },
  { name: 'pod start', summary: 'start pods and their containers', load: () => import('./verbs/pod-start.ts') },
  { name: 'pod stop', summary: 'stop pods and their containers', load: () => import('./verbs/pod-stop.ts') },
  { name: 'pod pause', summary: 'pause the containers of pods', load: () => import('./verbs/pod-pause.ts') },
  { name: 'pod unpause', summary: 'let the containers of pods go on', load: () => import('./verbs/pod-unpause.ts') },
  { name: 'pod rm', summary: 'remove pods', load: () => import('./verbs/pod-rm.ts') },
  { name: 'pod ps', summary: 'list pods', load: () => import('./verbs/pod-ps.ts') },
  { name: 'pod inspect', summary: 'show all about pods', load: () => import('./verbs/pod-inspect.ts') },
  { name: 'play', summary: 'make pods from Kubernetes manifests', load: () => import('./verbs/play.ts') },
  { name: 'down', summary: 'remove the pods that play made', load: () => import('./verbs/down.ts') },
  { name: 'explain', summary: 'print the steps that a verb would take', load: () => import('./verbs/explain.ts') },
  { name: 'replay', summary: 'show again what --step has recorded', load: () => import('./verbs/replay.ts') },
  { name: 'graph', summary: 'show who shares which namespace', load: () => import('./verbs/graph.ts') },
  { name: 'cgroup', summary: 'show the tree of cgroups', load: () => import('./verbs/cgroup.ts') },
  {
    name: 'inspect namespaces',
    summary: 'show the namespaces of any process, and who shares them',
    load: () => import('./verbs/inspect-namespaces.ts'),
  },
  { name: 'ids', summary: 'show which host id a container id is', load: () => import('./verbs/ids.ts') },
  {
    name: 'doctor',
    summary: 'find out why containers do not run here',
    load: () => import('./verbs/doctor.ts'),
  },
  { name: 'learn', summary: 'play the tutorials', load: () => import('./verbs/learn.ts') },
  { name: 'agent start', summary: 'start the agent, if it does not run', load: () => import('./verbs/agent-start.ts') },
  { name: 'agent status', summary: 'show whether the agent runs', load: () => import('./verbs/agent-status.ts') },
  { name: 'agent stop', summary: 'end the agent', load: () => import('./verbs/agent-stop.ts') },
  { name: 'info', summary: 'show what this host and agent can do', load: () => import('./verbs/info.ts') },
  { name: 'version', summary: 'show the versions', load: () => import('./verbs/version.ts') },
  {
    name: 'system df',
    summary: 'show what images and containers take on the disk',
    load: () => import('./verbs/system-df.ts'),
  },
  {
    name: 'system reset',
    summary: 'remove all containers, pods and images',
    load: () => import('./verbs/system-reset.ts'),
  },
]

const NAME_COLUMN = 20

const formatList = (entries: readonly VerbEntry[]) =>
  entries.map(({ name, summary }) => `  ${name.padEnd(NAME_COLUMN)}${summary}`).join('\n')

export const formatHelp = (): string => `usage: glasspod [--root DIR] VERB [OPTIONS] [ARG...]

A rootless container runtime that you can see through.

verbs:
${formatList(VERBS)}

options:
  --root DIR       the agent's directory (GLASSPOD_ROOT; by default the user's)
  --storage-driver overlay|fuse-overlayfs|copy
                   of an agent that is started (GLASSPOD_STORAGE_DRIVER)
  --help, -h       show this help
  --version, -v    show the version

glasspod VERB --help shows more.
`

/** Under the names that they have there. */
const verbsBelow = (group: string): VerbEntry[] =>
  VERBS.flatMap((entry) => {
    const name = [entry.name, entry.also].find((known) => known?.startsWith(`${group} `))
    return name === undefined ? [] : [{ ...entry, name }]
  })

const formatGroupHelp = (group: string): string => `usage: glasspod ${group} VERB [OPTIONS] [ARG...]

${formatList(verbsBelow(group))}

glasspod ${group} VERB --help shows more.
`

/** What the agent that is started inherits, and each request says (runtime/spec/storage-drivers.ts). */
const DRIVER = 'GLASSPOD_STORAGE_DRIVER'

/** Flags before the verb. Not by node:util: it need not be loaded for --version. */
const parseGlobals = (args: readonly string[]) => {
  const rest = [...args]
  let root = process.env['GLASSPOD_ROOT'] ?? ''
  for (;;) {
    const [flag = ''] = rest
    if (flag === '--root' && rest.length > 1) root = rest.splice(0, 2)[1] ?? ''
    else if (flag.startsWith('--root=')) root = rest.shift()?.slice('--root='.length) ?? ''
    else if (flag === '--storage-driver' && rest.length > 1) process.env[DRIVER] = rest.splice(0, 2)[1] ?? ''
    else if (flag.startsWith('--storage-driver='))
      process.env[DRIVER] = rest.shift()?.slice(flag.indexOf('=') + 1) ?? ''
    else return { root: root === '' ? undefined : root, rest }
  }
}

/** The first word of verbs of two words; `inspect` is also a verb by itself. */
const isGroup = (group: string) => verbsBelow(group).length > 0
const findVerb = (name: string) => VERBS.find((entry) => entry.name === name || entry.also === name)

/** Resolves to the exit code. */
export const run = async (args: readonly string[]): Promise<number> => {
  const { root, rest } = parseGlobals(args)
  const [first = '--help', second = '--help'] = rest
  if (first === '--version' || first === '-v') {
    write(STDOUT, `glasspod ${__VERSION__}\n`)
    return 0
  }
  if (first === '--help' || first === '-h' || (first === 'help' && rest.length === 1)) {
    write(STDOUT, formatHelp())
    return 0
  }
  if (first === 'help') return run([...rest.slice(1), '--help'])
  if (isGroup(first) && findVerb(first) === undefined && (second === '--help' || second === '-h')) {
    write(STDOUT, formatGroupHelp(first))
    return 0
  }
  const pair = `${first} ${second}`
  const entry = findVerb(pair) ?? findVerb(first)
  const name = entry?.name ?? (isGroup(first) ? pair : first)
  const words = entry !== undefined && findVerb(pair) === entry ? 2 : 1
  const { invoke, rejectVerb } = await import('./invoke.ts')
  if (entry === undefined) return rejectVerb(name, VERBS)
  return invoke(entry, rest.slice(words), root)
}

/** The process from here to its end: exits by itself, whatever still listens (standard input, a signal). */
export const main = (args: readonly string[] = process.argv.slice(2)): void => {
  const fail = (error: unknown) => {
    const debug = process.env['GLASSPOD_DEBUG'] ?? ''
    void import('./report.ts')
      .then(({ reportError }) => process.exit(reportError(error, false)))
      .catch(() => {
        write(STDERR, `error: internal: ${String(error)}${debug}\n`)
        process.exit(125)
      })
  }
  process.on('uncaughtException', fail)
  run(args).then((code) => process.exit(code), fail)
}

if (typeof require === 'function' && require.main === module) main()
