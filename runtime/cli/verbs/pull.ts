import { segment } from '../client.ts'
import { print } from '../output.ts'
import { pullImage } from '../pull.ts'
import { defineVerb } from '../verb.ts'

export const verb = defineVerb({
  options: {
    platform: { type: 'string', metavar: 'OS/ARCH', about: 'which image of a list, as in linux/arm64' },
    quiet: { type: 'boolean', short: 'q', about: 'no progress, only the id' },
  },
  operands: { usage: 'IMAGE', min: 1, max: 1 },
  example: 'glasspod pull busybox:1.36',
  async run({ options: { platform, quiet }, operands: [image = ''], agent }) {
    const client = await agent()
    await pullImage(client, { image, platform, quiet })
    print((await client.get<{ Id: string }>(`/images/${segment(image)}/json`)).Id)
  },
})
