/**
 * `run`, `create` and `explain` flags become the body of POST /containers/create: Docker's JSON, and under `Glasspod`
 * the texts that only the agent can judge.
 */
import { resolve } from 'node:path'
import type { CREATE_OPTIONS } from './container-options.ts'
import { type Read, parseEnv, parseLabels } from './env.ts'
import { makeLimits } from './limit-options.ts'
import { parseList } from './words.ts'
import { badFlag } from './options.ts'
import type { Values } from './options.ts'
import type { Limits } from '../spec/limits.ts'
import { parseRestart, type RestartPolicy } from '../spec/restart.ts'
import { Failure, errnoOf } from '../errors.ts'
import type { Query } from './client.ts'

export type CreateValues = Values<typeof CREATE_OPTIONS> & { detach?: boolean }

/** What of this process counts: its directory, its variables, and the files that flags name. */
export interface Surroundings {
  cwd: string
  env: NodeJS.ProcessEnv
  read: Read
  /** Rows and columns of the caller's terminal, if it has one. */
  size?: [number, number] | undefined
}

export interface CreateBody {
  Image: string
  Cmd?: string[] | undefined
  Entrypoint?: string[] | undefined
  Env?: string[] | undefined
  WorkingDir?: string | undefined
  User?: string | undefined
  Hostname?: string | undefined
  Labels?: Record<string, string> | undefined
  Tty: boolean
  OpenStdin: boolean
  StdinOnce: boolean
  AttachStdin: boolean
  AttachStdout: boolean
  AttachStderr: boolean
  StopSignal?: string | undefined
  HostConfig: Limits & {
    Binds?: string[] | undefined
    NetworkMode?: string | undefined
    CapAdd?: string[] | undefined
    CapDrop?: string[] | undefined
    ReadonlyRootfs?: true | undefined
    Tmpfs?: Record<string, string> | undefined
    AutoRemove?: true | undefined
    RestartPolicy?: RestartPolicy | undefined
    SecurityOpt?: string[] | undefined
    ExtraHosts?: string[] | undefined
    OomScoreAdj?: number | undefined
    ConsoleSize?: [number, number] | undefined
  }
  Glasspod: {
    publish?: string[] | undefined
    ulimits?: string[] | undefined
    noPivot?: true | undefined
  }
}

export interface CreateRequest {
  query: Query
  body: CreateBody
}

const orUndefined = <T>(list: readonly T[]): T[] | undefined => (list.length === 0 ? undefined : [...list])
const ifSet = (flag: boolean): true | undefined => (flag ? true : undefined)

/** `./data:/data`: a source that is a path is made absolute here; the agent's directory is another. */
export const resolveBind = (bind: string, cwd: string): string => {
  const [source = '', ...rest] = bind.split(':')
  return rest.length > 0 && /^\.{1,2}(\/|$)/.test(source) ? [resolve(cwd, source), ...rest].join(':') : bind
}

/** A command, or a JSON array of words; empty takes the image's away. */
const parseEntrypoint = (text: string): string[] =>
  parseList(text, () => badFlag(`--entrypoint ${text} is no JSON array of words`, LIST_HINT)) ?? [text]

const LIST_HINT = `--entrypoint '["sh", "-c"]', or one command`

const parseTmpfs = (flags: readonly string[]) =>
  flags.length === 0
    ? undefined
    : Object.fromEntries(
        flags.map((flag) => {
          const colon = flag.indexOf(':')
          return colon < 0 ? [flag, ''] : [flag.slice(0, colon), flag.slice(colon + 1)]
        }),
      )

/** `seccomp=FILE` becomes `seccomp={...}`, as docker's client sends it: the file is ours, not the agent's. */
const parseSecurityOption = (option: string, { cwd, read }: Surroundings): string => {
  const [, file] = /^seccomp[=:](.+)$/.exec(option) ?? []
  if (file === undefined || ['unconfined', 'builtin', 'default'].includes(file) || file.startsWith('{')) return option
  const text = readNamed(resolve(cwd, file), `--security-opt ${option}`, read)
  try {
    return `seccomp=${JSON.stringify(JSON.parse(text))}`
  } catch (error) {
    throw new Failure(`${file} is no JSON: ${(error as Error).message}`, { id: 'cli.seccomp' }, { cause: error })
  }
}

const readNamed = (path: string, flag: string, read: Read): string => {
  try {
    return read(path)
  } catch (error) {
    throw new Failure(`${flag}: read ${path}: ${errnoOf(error) ?? String(error)}`, { id: 'cli.file' }, { cause: error })
  }
}

export const makeEnv = (
  { env, 'env-file': files = [] }: { env: readonly string[]; 'env-file'?: readonly string[] },
  around: Surroundings,
): string[] | undefined =>
  orUndefined(
    parseEnv(
      env,
      files.map((file) => ({ file, text: readNamed(resolve(around.cwd, file), '--env-file', around.read) })),
      around.env,
    ),
  )

export const makeCreateRequest = (options: CreateValues, operands: string[], around: Surroundings): CreateRequest => {
  const [image = '', ...command] = operands
  const attached = options.detach !== true
  return {
    query: { name: options.name, pod: options.pod, platform: options.platform, squash: ifSet(options.squash) },
    body: {
      Image: image,
      Cmd: orUndefined(command),
      Entrypoint: options.entrypoint === undefined ? undefined : parseEntrypoint(options.entrypoint),
      Env: makeEnv(options, around),
      WorkingDir: options.workdir,
      User: options.user,
      Hostname: options.hostname,
      Labels: parseLabels(options.label),
      Tty: options.tty,
      OpenStdin: options.interactive,
      StdinOnce: options.interactive && attached,
      AttachStdin: options.interactive && attached,
      AttachStdout: attached,
      AttachStderr: attached,
      StopSignal: options['stop-signal'],
      HostConfig: {
        Binds: orUndefined(options.volume.map((bind) => resolveBind(bind, around.cwd))),
        NetworkMode: options.network,
        CapAdd: orUndefined(options['cap-add']),
        CapDrop: orUndefined(options['cap-drop']),
        ReadonlyRootfs: ifSet(options['read-only']),
        Tmpfs: parseTmpfs(options.tmpfs),
        AutoRemove: ifSet(options.rm),
        RestartPolicy: options.restart === undefined ? undefined : parseRestart(options.restart, options.rm),
        SecurityOpt: orUndefined(options['security-opt'].map((option) => parseSecurityOption(option, around))),
        ExtraHosts: orUndefined(options['add-host']),
        ...makeLimits(options),
        OomScoreAdj: options['oom-score-adj'],
        ConsoleSize: options.tty ? around.size : undefined,
      },
      Glasspod: {
        publish: orUndefined(options.publish),
        ulimits: orUndefined(options.ulimit),
        noPivot: ifSet(options['no-pivot']),
      },
    },
  }
}
