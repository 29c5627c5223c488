/** What `create` and `run` have in common: pull by policy, make the container, and pull what was missing. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { Created } from './api.ts'
import type { Client, Hijacked } from './client.ts'
import { readSize } from './terminal.ts'
import type { CreateValues, Surroundings } from './create-body.ts'
import type { Logins } from './logins.ts'
import { printError } from './output.ts'
import { isImageMissing, pullImage } from './pull.ts'

export const readSurroundings = (): Surroundings => ({
  cwd: process.cwd(),
  env: process.env,
  read: (path) => readFileSync(path, 'utf8'),
  size: readSize(),
})

/** 64 hexadecimal digits. Not by node:crypto, which takes 1.5 ms to load. */
export const newId = (): string => {
  const random = openSync('/dev/urandom', 'r')
  const bytes = Buffer.alloc(32)
  readSync(random, bytes)
  closeSync(random)
  return bytes.toString('hex')
}

export interface Pulling {
  image: string
  policy: CreateValues
  logins: Logins
}

/** `make` needs the image: it is pulled before where the policy says so, and once more where it is missing. */
export const withImage = async <T>(
  client: Client,
  { image, policy: { pull = 'missing', platform, quiet, squash }, logins }: Pulling,
  make: () => Promise<T>,
): Promise<T> => {
  const fetch = () => pullImage(client, { image, platform, quiet, squash, logins })
  if (pull === 'always') await fetch()
  return make().catch(async (error: unknown) => {
    if (pull !== 'missing' || !isImageMissing(error)) throw error
    await fetch()
    return make()
  })
}

/** Where the answer is a stream its head has them: runtime/agent/api/create.ts. */
export const readWarnings = (headers: Hijacked['headers']): string[] =>
  JSON.parse(decodeURIComponent(headers.get('glasspod-warnings') ?? '[]')) as string[]

export const printWarnings = (warnings: Created['Warnings']): void => {
  for (const warning of warnings ?? []) printError(`warning: ${warning}`)
}
