import { printWarnings } from '../create.ts'
import { openLogins } from '../logins.ts'
import { EXPLAIN_FLAG } from '../explain/options.ts'
import { MANIFEST_OPERAND, readManifest } from '../manifest.ts'
import { STDOUT, print, printJson, readColumns } from '../output.ts'
import { pullImage } from '../pull.ts'
import { fitTable } from '../table.ts'
import { AUTH_FILE, FORMAT, SQUASH, defineVerb } from '../verb.ts'

interface PlannedPod {
  Name: string
  Network: string
  RestartPolicy: string
  Containers: {
    Name: string
    Image: string
    Pull: 'missing' | 'always' | 'never'
    Present: boolean
    Publish: string[]
  }[]
}

interface PlayedPod {
  Id: string
  Name: string
  IP: string
  Containers: { Id: string; Name: string }[]
  Warnings: string[]
}

const HEADERS = ['POD', 'NETWORK', 'RESTART', 'CONTAINER', 'IMAGE', 'PORTS']

const formatPlan = (pods: readonly PlannedPod[], columns: number | undefined): string =>
  fitTable(
    HEADERS,
    pods.flatMap(({ Name, Network, RestartPolicy, Containers }) =>
      Containers.map((container) => [
        Name,
        Network,
        RestartPolicy,
        container.Name,
        container.Image,
        container.Publish.join(', '),
      ]),
    ),
    { columns, cut: ['IMAGE'], leave: ['NETWORK', 'RESTART'] },
  )

/** As podman prints it. */
const formatPlayed = ({ Id, Containers }: PlayedPod): string =>
  [
    'Pod:',
    Id,
    Containers.length === 1 ? 'Container:' : 'Containers:',
    ...Containers.map((container) => container.Id),
  ].join('\n')

/** Each image once; one that is asked for with `always` by anybody is asked for. */
const listPulls = (pods: readonly PlannedPod[]): string[] => {
  const wanted = pods.flatMap(({ Containers }) => Containers)
  const pulled = wanted.filter(({ Pull, Present }) => Pull === 'always' || (Pull === 'missing' && !Present))
  return [...new Set(pulled.map(({ Image }) => Image))]
}

export const verb = defineVerb({
  options: {
    authfile: AUTH_FILE,
    'dry-run': { type: 'boolean', about: 'check the file, and show what would be made' },
    ...EXPLAIN_FLAG,
    format: FORMAT,
    quiet: { type: 'boolean', short: 'q', about: 'no progress while pulling' },
    replace: { type: 'boolean', about: 'remove pods of the same names first' },
    squash: SQUASH,
  },
  operands: MANIFEST_OPERAND,
  example: 'glasspod play shop.yaml',
  async run({ options, operands: [file = '-'], agent }) {
    const { authfile, 'dry-run': dryRun, format, quiet, replace, squash } = options
    const body = readManifest(file)
    const logins = openLogins(authfile)
    const client = await agent()
    const plan = await client.post<PlannedPod[]>('/glasspod/play', { body, query: { 'dry-run': true, replace } })
    if (dryRun) return format === 'json' ? printJson(plan) : print(formatPlan(plan, readColumns(STDOUT)))
    for (const image of listPulls(plan)) await pullImage(client, { image, platform: undefined, quiet, squash, logins })
    const played = await client.post<PlayedPod[]>('/glasspod/play', { body, query: { replace, squash } })
    printWarnings(played.flatMap(({ Warnings }) => Warnings))
    if (format === 'json') return printJson(played)
    print(played.map(formatPlayed).join('\n\n'))
  },
})
