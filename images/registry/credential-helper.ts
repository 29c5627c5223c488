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

interface Asked {
  readonly name: string
  readonly verb: 'get' | 'store' | 'erase'
  /** For sentences: what it is told may be a secret. */
  readonly server: string
  readonly input: string
}

const FAILS: Record<Asked['verb'], string> = {
  get: 'gives no login',
  store: 'does not keep the login',
  erase: 'does not erase the login',
}
const SETTINGS = 'credHelpers and credsStore in ~/.docker/config.json'

/** @param advice by default what shows its trouble, and no secret. */
const refuse = (
  { name, verb, server }: Omit<Asked, 'input'>,
  found: string,
  advice = `docker-credential-${name} list`,
): Failure =>
  new Failure(`credential helper docker-credential-${name} ${FAILS[verb]} for ${server}`, {
    id: 'registry.helper',
    found: found.slice(0, 300),
    try: advice,
    see: SETTINGS,
  })

/** Ended with all that it started when it takes too long or says too much. @throws Failure `registry.helper`. */
const run = (asked: Asked, { env: all, helperMs = DEFAULT_TIME_MS }: Settings): Promise<Ran> => {
  const { name, verb, input } = asked
  if (!/^[\w.-]+$/.test(name))
    throw refuse(asked, `${JSON.stringify(name)} is not the name of a helper`, `another name in ${SETTINGS}`)
  return new Promise((resolve, reject) => {
    const { NODE_EXTRA_CA_CERTS: _slow, ...env } = all
    const child = spawn(`docker-credential-${name}`, [verb], { env, stdio: 'pipe' })
    const out: Buffer[] = []
    const err: Buffer[] = []
    let size = 0
    const end = (found: string, advice?: string): void => {
      clearTimeout(timer)
      reject(refuse(asked, found, advice))
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
      if (isMissing) end('no such program in PATH that may be executed', `install it, or change ${SETTINGS}`)
      else end(error.message)
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (signal !== null) reject(refuse(asked, `killed by ${signal}`))
      else resolve({ code, stdout: Buffer.concat(out), stderr: Buffer.concat(err).toString() })
    })
    child.stdin.end(input)
  })
}

/** Undefined when the helper has none. @throws Failure `registry.helper`. */
export const askHelper = async (name: string, server: string, settings: Settings): Promise<Credentials | undefined> => {
  const asked: Asked = { name, verb: 'get', server, input: server }
  const { code, stdout, stderr } = await run(asked, settings)
  const said = `${stdout.toString()}${stderr}`
  if (code !== 0 && /credentials not found/i.test(said)) return undefined
  if (code !== 0) throw refuse(asked, `exit ${code}: ${said.trim()}`)
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
  const asked: Asked = { name, verb, server, input }
  const { code, stdout, stderr } = await run(asked, settings)
  const said = `${stdout.toString()}${stderr}`.trim()
  if (code !== 0 && !(verb === 'erase' && /credentials not found/i.test(said)))
    throw refuse(asked, `exit ${code}: ${said}`)
}
