/** `create` as both verbs need it: pull by policy, create, and pull what was missing. */
import { readFileSync } from 'node:fs'
import type { Created } from './api.ts'
import type { Client } from './client.ts'
import { readSize } from './terminal.ts'
import type { CreateRequest, CreateValues, Surroundings } from './create-body.ts'
import type { Logins } from './logins.ts'
import { printError } from './output.ts'
import { isImageMissing, pullImage } from './pull.ts'

export const readSurroundings = (): Surroundings => ({
  cwd: process.cwd(),
  env: process.env,
  read: (path) => readFileSync(path, 'utf8'),
  size: readSize(),
})

export const createContainer = async (
  client: Client,
  request: CreateRequest,
  { pull = 'missing', platform, quiet }: CreateValues,
  logins: Logins,
): Promise<string> => {
  const fetch = () => pullImage(client, { image: request.body.Image, platform, quiet, logins })
  const create = () => client.post<Created>('/containers/create', request)
  if (pull === 'always') await fetch()
  const { Id, Warnings } = await create().catch(async (error: unknown) => {
    if (pull !== 'missing' || !isImageMissing(error)) throw error
    await fetch()
    return create()
  })
  for (const warning of Warnings ?? []) printError(`warning: ${warning}`)
  return Id
}
