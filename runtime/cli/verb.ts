/** What a verb is: its grammar, one example, and what it does with one call or a few to the agent. */
import type { Client } from './client.ts'
import type { Operands, OptionTable, Values } from './options.ts'

export interface Invocation<V> {
  options: V
  operands: string[]
  /** The directory of the agent that is asked. */
  root: string
  /** Reaches the agent, starting one where none runs. */
  agent: () => Promise<Client>
  /** Reaches the agent only where one runs. */
  runningAgent: () => Promise<Client | undefined>
}

/** Which exit codes the help names: those of glasspod alone, or those of the command in the container too. */
export type ExitCodes = 'own' | 'command' | Record<string, string>

export interface Verb<T extends OptionTable = OptionTable> {
  options: T
  operands: Operands
  example: string
  exitCodes?: ExitCodes
  /** Resolves to the exit code; nothing is 0. */
  run(invocation: Invocation<Values<T>>): Promise<number | void>
}

/** Ties the type of the values to the table of the flags. */
export const defineVerb = <T extends OptionTable>(verb: Verb<T>): Verb<T> => verb

export interface VerbEntry {
  name: string
  summary: string
  /** Another name, as docker and podman have it below a noun: shown in that noun's help only. */
  also?: string
  load: () => Promise<{ verb: Verb }>
}

export const NO_OPERANDS: Operands = { usage: '', min: 0, max: 0 }
export const FORMAT = {
  type: 'string',
  metavar: 'table|json',
  choices: ['table', 'json'],
  about: 'a table for people, or JSON for programs',
} as const
/** Of what has fields to choose from; template.ts says what a template is. */
export const FORMAT_OR_TEMPLATE = {
  type: 'string',
  metavar: 'FORMAT',
  about: "table, json, or a template as '{{.Id}}'",
} as const
export const NO_TRUNC = { type: 'boolean', about: 'print ids and commands in full' } as const
/** Of what unpacks layers. */
export const SQUASH = {
  type: 'boolean',
  about: "files of owners that the id map does not have become root's",
} as const
export const TLS_VERIFY = {
  type: 'string',
  metavar: 'true|false',
  choices: ['true', 'false'],
  about: 'false: any certificate will do, and plain HTTP',
} as const
export const CREDS = {
  type: 'string',
  metavar: 'USER:PASSWORD',
  about: 'the login for this time; other users can see it',
} as const
export const AUTH_FILE = {
  type: 'string',
  metavar: 'FILE',
  about: 'logins for registries ($REGISTRY_AUTH_FILE; else those of podman, then docker)',
} as const
