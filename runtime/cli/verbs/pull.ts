import { EXPLAIN_OPTIONS } from '../explain/options.ts'
import { openLogins } from '../logins.ts'
import { print } from '../output.ts'
import { pullImage } from '../pull.ts'
import { reportError } from '../report.ts'
import { AUTH_FILE, defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    ...EXPLAIN_OPTIONS,
    platform: { type: 'string', metavar: 'OS/ARCH[/VARIANT]', about: 'which image of a list, as in linux/arm64' },
    squash: { type: 'boolean', about: "files of owners that the id map does not have become root's" },
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the id' },
    authfile: AUTH_FILE,
  },
  operands: { usage: 'IMAGE [IMAGE...]', min: 1, max: Infinity },
  example: 'glasspod pull busybox:1.36',
  async run({ options: { platform, quiet, squash, authfile }, operands, agent }) {
    const logins = openLogins(authfile)
    const client = await agent()
    let code = 0
    for (const image of operands) {
      try {
        print(await pullImage(client, { image, platform, quiet, squash, logins }))
      } catch (error) {
        const failed = reportError(error, false)
        code = code === 0 ? failed : code
      }
    }
    return code
  },
})
