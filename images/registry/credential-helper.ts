/**
 * docker-credential-NAME programs (github.com/docker/docker-credential-helpers): the verb is the argument, the server
 * or the login comes on standard input, the answer is JSON on standard output.
 */
import { spawn } from 'node:child_process'
import { Failure, errnoOf } from '../../runtime/errors.ts'
import { killTree } from '../../runtime/kernel/processes.ts'
import { parseDocument, stringField } from '../document.ts'
import type { Settings } from './settings.ts'

export interface Credentials {
  readonly username: string
  readonly password: string
  /** Stands for name and password where the registry gives tokens (docker's "identity token"). */
  readonly identityToken?: string
}

const DEFAULT_TIME_MS = 30_000
const OUTPUT_LIMIT = 1024 * 1024
/** In place of a user name: the secret is an identity token. */
const TOKEN_USER = '<token>'

interface Ran {
  readonly code: number | null
  readonly stdout: Buffer
  readonly stderr: string
}

const refuse = (program: string, server: string, found: string): Failure =>
  new Failure(`credential helper ${program} gives no login for ${server}`, {
    id: 'registry.helper',
    found: found.slice(0, 300),
    try: `echo ${server} | ${program} get`,
    see: 'credHelpers and credsStore in ~/.docker/config.json',
  })

interface Asked {
  readonly name: string
  readonly verb: 'get' | 'store' | 'erase'
  /** For sentences: what it is told may be a secret. */
  readonly server: string
  readonly input: string
}

/** Ended with all that it started when it takes too long or says too much. @throws Failure `registry.helper`. */
const run = (
  { name, verb, server, input }: Asked,
  { env: all, helperMs = DEFAULT_TIME_MS }: Settings,
): Promise<Ran> => {
  const program = `docker-credential-${name}`
  if (!/^[\w.-]+$/.test(name)) throw refuse(program, server, `${JSON.stringify(name)} is not the name of a helper`)
  return new Promise((resolve, reject) => {
    const { NODE_EXTRA_CA_CERTS: _slow, ...env } = all
    const child = spawn(program, [verb], { env, stdio: 'pipe' })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    const end = (found: string): void => {
      clearTimeout(timer)
      reject(refuse(program, server, found))
      if (child.pid !== undefined) killTree(child.pid)
      // What left the tree may hold the pipes open.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
    }
    const timer = setTimeout(() => end(`no answer within ${helperMs / 1000} s, so it was ended`), helperMs)
    const gather = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length
      if (size > OUTPUT_LIMIT) end(`its answer has more than ${OUTPUT_LIMIT} bytes`)
      else into.push(chunk)
    }
    child.stdout.on('data', gather(out))
    child.stderr.on('data', gather(err))
    // It may end without reading.
    child.stdin.on('error', () => undefined)
    child.on('error', (error) => {
      // EACCES too where a directory of PATH cannot be looked into (exec(3)).
      const isMissing = ['ENOENT', 'EACCES'].includes(errnoOf(error) ?? '')
      end(isMissing ? 'no such program in PATH that may be executed' : error.message)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal !== null) reject(refuse(program, server, `killed by ${signal}`))
      else resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() })
    })
    child.stdin.end(input)
  })
}

/** Undefined when the helper has none. @throws Failure `registry.helper`. */
export const askHelper = async (name: string, server: string, settings: Settings): Promise<Credentials | undefined> => {
  const { code, stdout, stderr } = await run({ name, verb: 'get', server, input: server }, settings)
  const said = `${stdout.toString()}${stderr}`
  if (code !== 0 && /credentials not found/i.test(said)) return undefined
  if (code !== 0) throw refuse(`docker-credential-${name}`, server, `exit ${code}: ${said.trim()}`)
  const document = parseDocument(stdout, `answer of docker-credential-${name}`)
  const username = stringField(document, 'Username')
  const password = stringField(document, 'Secret')
  return username === TOKEN_USER ? { username: '', password: '', identityToken: password } : { username, password }
}

export const tellHelper = async (
  name: string,
  verb: 'store' | 'erase',
  { server, credentials }: { server: string; credentials?: Credentials },
  settings: Settings,
): Promise<void> => {
  const login = { ServerURL: server, Username: credentials?.username, Secret: credentials?.password }
  const input = verb === 'store' ? JSON.stringify(login) : server
  const { code, stdout, stderr } = await run({ name, verb, server, input }, settings)
  const said = `${stdout.toString()}${stderr}`.trim()
  if (code !== 0 && !(verb === 'erase' && /credentials not found/i.test(said))) {
    throw new Failure(`credential helper docker-credential-${name} cannot ${verb} the login for ${server}`, {
      id: 'registry.helper',
      found: `exit ${code}: ${said.slice(0, 300)}`,
    })
  }
}
