import { readFileSync } from 'node:fs'
import { Failure } from '../../errors.ts'
import { askLine } from '../ask.ts'
import { openLogins, verifyQuery } from '../logins.ts'
import { print, printError } from '../output.ts'
import { AUTH_FILE, TLS_VERIFY, defineVerb } from '../verb.ts'

interface Values {
  username: string | undefined
  password: string | undefined
  'password-stdin': boolean
}

const missing = (what: string): Failure =>
  new Failure(`login: ${what} is missing, and there is no terminal to ask at`, {
    id: 'cli.flag',
    try: '-u NAME --password-stdin',
  })

const readLogin = async (options: Values): Promise<{ username: string; password: string }> => {
  const isTerminal = process.stdin.isTTY
  const fromStdin = options['password-stdin']
  if (fromStdin && options.password !== undefined) {
    throw new Failure('login takes --password or --password-stdin, not both', { id: 'cli.flag' })
  }
  if (fromStdin && options.username === undefined) {
    throw new Failure('login --password-stdin needs --username', { id: 'cli.flag', try: '-u NAME' })
  }
  if (options.username === undefined && !isTerminal) throw missing('the user name')
  const username = options.username ?? (await askLine('Username: '))
  if (fromStdin) return { username, password: readFileSync(0, 'utf8').replace(/\r?\n$/, '') }
  if (options.password !== undefined) {
    printError('warning: every user sees --password in the list of processes; --password-stdin hides it')
    return { username, password: options.password }
  }
  if (!isTerminal) throw missing('the password')
  return { username, password: await askLine('Password: ', { hidden: true }) }
}

export const verb = defineVerb({
  options: {
    username: { type: 'string', short: 'u', metavar: 'NAME', about: 'user name' },
    password: { type: 'string', short: 'p', metavar: 'PASSWORD', about: 'password; other users can see it' },
    'password-stdin': { type: 'boolean', about: 'read the password from standard input' },
    authfile: AUTH_FILE,
    'tls-verify': TLS_VERIFY,
  },
  operands: { usage: '[REGISTRY]', min: 0, max: 1 },
  example: 'glasspod login -u me --password-stdin quay.io',
  async run({ options, operands: [server = 'docker.io'], agent }) {
    const { hostOfServer } = await import('../../../images/registry/credentials.ts')
    const { storeLogin } = await import('../../../images/registry/login-file.ts')
    const host = hostOfServer(server)
    const login = await readLogin(options)
    const logins = openLogins(options.authfile)
    const file = await logins.openFile()
    const query = verifyQuery(options['tls-verify'])
    await (await agent()).post('/auth', { body: { ...login, serveraddress: host }, query, headers: logins.headers })
    await storeLogin(file, host, login)
    print('Login Succeeded')
  },
})
