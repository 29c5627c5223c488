/** Programs of the distribution that are run outside of containers, and Node.js itself. */
import { accessSync, constants } from 'node:fs'
import { isExecutable } from '../../kernel/executables.ts'
import { withSbin } from '../../rootless/environment.ts'
import { attempt } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

/** Program, and the Debian package that has it. */
const NEEDED: Record<string, string> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  flock: 'util-linux',
  mount: 'mount',
  ip: 'iproute2',
  nft: 'nftables',
  jq: 'jq',
}

export const PROGRAMS = defineProbe<readonly string[]>({
  id: 'programs.missing',
  group: 'programs',
  severity: 'blocker',
  title: `${Object.keys(NEEDED).join(', ')} are there`,
  why: 'Namespaces, cables and rules are made by programs of the distribution, each of which can be run by hand as well.',
  advice: `sudo apt-get install ${[...new Set(Object.values(NEEDED))].join(' ')}`,
  see: 'docs/dependencies.md',
  read({ env }) {
    const directories = withSbin(env['PATH']).split(':')
    return Object.keys(NEEDED).filter((name) => !directories.some((directory) => isExecutable(`${directory}/${name}`)))
  },
  judge(missing) {
    if (missing.length === 0) return fine('all of them')
    const packages = [...new Set(missing.map((name) => NEEDED[name] ?? name))]
    return bad(`missing: ${missing.join(', ')}`, { try: `sudo apt-get install ${packages.join(' ')}` })
  },
})

export const UNSHARE = defineProbe<{ help: string; version: string }>({
  id: 'programs.unshare',
  group: 'programs',
  severity: 'blocker',
  title: 'unshare(1) knows --map-auto',
  why: 'With it (util-linux 2.38) unshare maps the range of /etc/subuid by newuidmap(1). Debian 11 and Ubuntu 22.04 are older.',
  advice: 'unshare --version  # a distribution of 2022 or newer (Debian 12, Ubuntu 24.04)',
  see: 'unshare(1)',
  read: async (host) => ({
    help: (await attempt(['unshare', '--help'], host)).printed,
    version: (await attempt(['unshare', '--version'], host)).printed,
  }),
  judge({ help, version }) {
    if (help === '') return unasked('there is no unshare')
    return help.includes('--map-auto') ? fine(version) : bad(version)
  },
})

const OLDEST_NODE = 20

export const NODE = defineProbe<{ version: string; path: string; executable: boolean }>({
  id: 'node.version',
  group: 'programs',
  severity: 'blocker',
  title: `Node.js is ${OLDEST_NODE} or newer, and the user may execute it`,
  why: 'The agent runs on the Node.js of whoever starts it; one below the home of root is closed to the system user.',
  advice: 'node --version  # another: https://nodejs.org/en/download, into /usr/local',
  see: 'docs/dependencies.md',
  read() {
    try {
      accessSync(process.execPath, constants.X_OK)
      return { version: process.versions.node, path: process.execPath, executable: true }
    } catch {
      return { version: process.versions.node, path: process.execPath, executable: false }
    }
  },
  judge({ version, path, executable }) {
    if (!executable) return bad(`${path} cannot be executed by this user`)
    return Number.parseInt(version) < OLDEST_NODE ? bad(`${path} is ${version}`) : fine(`${path} is ${version}`)
  },
})

export const CERTIFICATES = defineProbe<string | undefined>({
  id: 'node.certificates',
  group: 'programs',
  severity: 'note',
  title: 'NODE_EXTRA_CA_CERTS does not slow every command down',
  why: 'With it Node.js reads the certificates at every start, which then takes two to three times as long.',
  advice: 'unset NODE_EXTRA_CA_CERTS  # put the certificate into the store of the system: sudo update-ca-certificates',
  see: 'https://nodejs.org/api/cli.html#node_extra_ca_certsfile',
  read: ({ env }) => env['NODE_EXTRA_CA_CERTS'],
  judge: (value) => (value === undefined || value === '' ? fine('it is unset') : bad(`it is ${value}`)),
})

export const PROGRAM_PROBES: readonly Probe[] = [PROGRAMS, UNSHARE, NODE, CERTIFICATES]
