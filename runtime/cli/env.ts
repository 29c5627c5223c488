/** Variables and labels of the command line: `KEY=VALUE`, and `KEY` alone for our own value of it. */
import { badFlag } from './options.ts'

export type Read = (path: string) => string

export interface EnvFile {
  file: string
  text: string
}

/** `KEY` alone passes ours on, and nothing where we have none, as docker and podman do. */
const expand = (variable: string, env: NodeJS.ProcessEnv): string[] => {
  if (variable.startsWith('=') || variable === '') throw badFlag(`"${variable}" names no variable`)
  if (variable.includes('=')) return [variable]
  const value = env[variable]
  return value === undefined ? [] : [`${variable}=${value}`]
}

/** One variable a line; `#` begins a comment line; quotes are part of the value, as docker has it. */
const parseEnvFile = ({ file, text }: EnvFile, env: NodeJS.ProcessEnv): string[] =>
  text.split('\n').flatMap((line, index) => {
    const variable = line.replace(/\r$/, '').trimStart()
    if (variable === '' || variable.startsWith('#')) return []
    if (/\s/.test(variable.split('=', 1)[0] ?? '')) {
      throw badFlag(`${file}:${index + 1}: a variable's name has no spaces: "${variable}"`)
    }
    return expand(variable, env)
  })

/** Files first, then flags, so that a flag wins; the agent takes the last of one name. */
export const parseEnv = (flags: readonly string[], files: readonly EnvFile[], env: NodeJS.ProcessEnv): string[] => [
  ...files.flatMap((file) => parseEnvFile(file, env)),
  ...flags.flatMap((flag) => expand(flag, env)),
]

export const parseLabels = (flags: readonly string[]): Record<string, string> | undefined =>
  flags.length === 0
    ? undefined
    : Object.fromEntries(
        flags.map((flag) => {
          const [key = '', ...rest] = flag.split('=')
          if (key === '') throw badFlag(`--label "${flag}" has no key`)
          return [key, rest.join('=')]
        }),
      )
