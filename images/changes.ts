/**
 * What an image without a builder is told to run: the Dockerfile instructions that docker import and commit take as
 * changes, and nothing that would build. Pure.
 */
import { Failure } from '../runtime/errors.ts'

/** The `config` object of an image config (OCI image-spec config.md). */
export interface RunConfig {
  readonly Cmd?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Env?: readonly string[]
  readonly ExposedPorts?: Readonly<Record<string, object>>
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly User?: string
  readonly Volumes?: Readonly<Record<string, object>>
  readonly WorkingDir?: string
}

const KNOWN = ['CMD', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'LABEL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR']

const refuse = (text: string, why: string): never => {
  throw new Failure(`${JSON.stringify(text.slice(0, 200))} is no change of an image`, {
    id: 'image.change',
    why,
    try: `one of ${KNOWN.join(', ')}: CMD ["sh"], ENV NAME=VALUE`,
    status: 400,
  })
}

/** A JSON list, or undefined for what is meant as words. */
const parseList = (text: string): readonly string[] | undefined => {
  if (!text.startsWith('[')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  } catch {
    // it begins like a list, and is none
  }
  return undefined
}

/** As in a Dockerfile: a list as it is, anything else for the shell. */
const parseCommand = (text: string): readonly string[] => parseList(text) ?? ['/bin/sh', '-c', text]

/** `NAME=VALUE ...` with quotes as in a Dockerfile, or the old form `NAME VALUE`. */
const parsePairs = (change: string, text: string): readonly (readonly [string, string])[] => {
  const words = [...text.matchAll(/(?:[^\s"'\\]|\\.|"(?:[^"\\]|\\.)*"|'[^']*')+/gs)].map(([word]) => word)
  if (words.length === 0) refuse(change, 'a name is missing')
  if (!(words[0] ?? '').includes('=')) {
    const [, name = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(text) ?? refuse(change, 'a value is missing')
    return [[name, value]]
  }
  return words.map((word) => {
    const [name = '', value] = unquote(word).split(/=(.*)/s)
    return name === '' || value === undefined ? refuse(change, `${word} is not NAME=VALUE`) : [name, value]
  })
}

const unquote = (word: string): string =>
  word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
    double !== undefined ? double.replace(/\\(["\\$])/g, '$1') : (single ?? escaped ?? ''),
  )

const withPairs = (env: readonly string[], pairs: readonly (readonly [string, string])[]): readonly string[] => {
  const names = new Set(pairs.map(([name]) => name))
  return [
    ...env.filter((entry) => !names.has(entry.split('=')[0] ?? '')),
    ...pairs.map(([name, value]) => `${name}=${value}`),
  ]
}

const parsePort = (change: string, text: string): string => {
  const [, port = '', protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? []
  if (port === '' || Number(port) < 1 || Number(port) > 65_535) refuse(change, `${text} is no port`)
  return `${port}/${protocol}`
}

const keys = (names: readonly string[]): Record<string, object> => Object.fromEntries(names.map((name) => [name, {}]))

const applyChange = (config: RunConfig, change: string): RunConfig => {
  const [, instruction = '', rest = ''] = /^\s*(\S+)\s*(.*?)\s*$/s.exec(change) ?? []
  if (rest === '') return refuse(change, instruction === '' ? 'it is empty' : `${instruction} says nothing`)
  switch (instruction.toUpperCase()) {
    case 'CMD':
      return { ...config, Cmd: parseCommand(rest) }
    case 'ENTRYPOINT':
      return { ...config, Entrypoint: parseCommand(rest) }
    case 'ENV':
      return { ...config, Env: withPairs(config.Env ?? [], parsePairs(change, rest)) }
    case 'LABEL':
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(parsePairs(change, rest)) } }
    case 'EXPOSE': {
      const ports = rest.split(/\s+/).map((text) => parsePort(change, text))
      return { ...config, ExposedPorts: { ...config.ExposedPorts, ...keys(ports) } }
    }
    case 'VOLUME':
      return { ...config, Volumes: { ...config.Volumes, ...keys(parseList(rest) ?? rest.split(/\s+/)) } }
    case 'WORKDIR':
      return rest.startsWith('/') ? { ...config, WorkingDir: rest } : refuse(change, 'the directory is not absolute')
    case 'USER':
      return { ...config, User: rest }
    case 'STOPSIGNAL':
      return { ...config, StopSignal: rest }
    default:
      return refuse(change, `${instruction} is not known here`)
  }
}

/** In their order. @throws Failure `image.change`, status 400. */
export const planRunConfig = (changes: readonly string[]): RunConfig => changes.reduce(applyChange, {})
