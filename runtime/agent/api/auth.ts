/** POST /auth: tries out a login, as docker's does; keeping it is the caller's work. */
import { readBody, route, type Route } from '../http.ts'
import { readConf, readSettings } from '../registry-session.ts'
import { Failure } from '../../errors.ts'
import type { Shape } from '../../spec/shape.ts'

interface Login {
  username?: string
  password?: string
  serveraddress?: string
}

const LOGIN_SHAPE: Shape = { fields: { username: 'text', password: 'text', serveraddress: 'text' } }

export const authRoutes = (): Route[] => [
  route('POST', '/auth', async ({ raw, query }) => {
    const { username = '', password = '', serveraddress = '' } = await readBody<Login>(raw, LOGIN_SHAPE)
    if (username === '') throw new Failure('the login has no user name', { id: 'registry.credentials', status: 400 })
    const [{ checkLogin }, { hostOfServer }, { Registry }] = await Promise.all([
      import('../../../images/registry/check-login.ts'),
      import('../../../images/registry/credentials.ts'),
      import('../../../images/registry/registry.ts'),
    ])
    const host = serveraddress === '' ? 'docker.io' : hostOfServer(serveraddress)
    const settings = readSettings(raw)
    const registry = new Registry({ settings, logins: [{ host, username, password }] })
    try {
      await checkLogin(registry, host, await readConf(settings, query))
      return { Status: 'Login Succeeded', IdentityToken: '' }
    } finally {
      await registry.close()
    }
  }),
]
