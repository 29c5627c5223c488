import { Failure } from '../../errors.ts'
import { openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { AUTH_FILE, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    authfile: AUTH_FILE,
    all: { type: 'boolean', short: 'a', about: 'every login of the file' },
  },
  operands: { usage: '[REGISTRY]', min: 0, max: 1 },
  example: 'glasspod logout quay.io',
  async run({ options: { authfile, all }, operands: [server] }) {
    if (all && server !== undefined) throw new Failure('logout takes a registry or --all, not both', { id: 'cli.flag' })
    const { hostOfServer } = await import('../../../images/registry/credentials.ts')
    const { listLogins, removeLogin } = await import('../../../images/registry/login-file.ts')
    const logins = openLogins(authfile)
    const hosts = all ? listLogins(await logins.openFile()) : [hostOfServer(server ?? 'docker.io')]
    for (const host of hosts) {
      const file = await logins.openFile()
      if (!(await removeLogin(file, host))) {
        throw new Failure(`not logged in to ${host}`, {
          id: 'registry.login',
          found: `${file.path} has no login for it`,
        })
      }
      print(`Removed login for ${host}`)
    }
  },
})
