/** The flags of `run` and `create`, named as podman and docker name them. */
import { EXPLAIN_OPTIONS } from './explain/options.ts'
import { LIMIT_OPTIONS, RESTART_OPTION } from './limit-options.ts'
import { STEP_OPTIONS, WITHOUT_OPTION } from './step/options.ts'
import { SQUASH } from './verb.ts'

export const CREATE_OPTIONS = {
  ...LIMIT_OPTIONS,
  ...EXPLAIN_OPTIONS,
  'add-host': { type: 'list', metavar: 'NAME:IP', about: 'add a line to /etc/hosts' },
  'dry-run': {
    type: 'string',
    metavar: 'sh',
    choices: ['sh'],
    about: 'do nothing, and print a shell script that makes the same container',
  },
  'cap-add': { type: 'list', metavar: 'CAP', about: 'give a capability' },
  'cap-drop': { type: 'list', metavar: 'CAP', about: 'take a capability away' },
  entrypoint: { type: 'string', metavar: 'COMMAND', about: "instead of the image's entrypoint" },
  env: { type: 'list', short: 'e', metavar: 'KEY[=VALUE]', about: 'set a variable, or pass on ours' },
  'env-file': { type: 'list', metavar: 'FILE', about: 'read variables from a file' },
  hostname: { type: 'string', short: 'h', metavar: 'NAME', about: 'host name in the container' },
  interactive: { type: 'boolean', short: 'i', about: 'keep standard input open' },
  label: { type: 'list', short: 'l', metavar: 'KEY[=VALUE]', about: 'attach a label' },
  name: { type: 'string', metavar: 'NAME', about: 'name of the container' },
  network: { type: 'string', metavar: 'NETWORK', about: 'bridge, none or host' },
  'no-pivot': { type: 'boolean', about: 'switch the root by chroot, not by pivot_root' },
  'oom-score-adj': {
    type: 'integer',
    metavar: 'N',
    about: 'how early the kernel ends it when memory runs out: -1000 to 1000 (0: as ours)',
  },
  platform: { type: 'string', metavar: 'OS/ARCH', about: 'which image of a list, as in linux/arm64' },
  pod: { type: 'string', metavar: 'POD', about: 'put the container into this pod' },
  publish: {
    type: 'list',
    short: 'p',
    metavar: '[IP:]PORT:CPORT',
    about: "make the container's port CPORT reachable at PORT of this host",
  },
  pull: {
    type: 'string',
    metavar: 'POLICY',
    choices: ['missing', 'always', 'never'],
    about: 'pull the image first: missing (default), always or never',
  },
  quiet: { type: 'boolean', short: 'q', about: 'no progress while pulling' },
  'read-only': { type: 'boolean', about: 'mount the root file system read-only' },
  restart: RESTART_OPTION,
  rm: { type: 'boolean', about: 'remove the container when it has ended' },
  'security-opt': {
    type: 'list',
    metavar: 'OPTION',
    about: 'seccomp=FILE, seccomp=unconfined or no-new-privileges',
  },
  squash: SQUASH,
  'stop-signal': { type: 'string', metavar: 'SIGNAL', about: 'how to ask it to stop' },
  tmpfs: { type: 'list', metavar: 'PATH[:OPTIONS]', about: 'mount a tmpfs' },
  tty: { type: 'boolean', short: 't', about: 'give it a terminal' },
  ulimit: { type: 'list', metavar: 'NAME=SOFT[:HARD]', about: 'set a resource limit' },
  user: { type: 'string', short: 'u', metavar: 'USER[:GROUP]', about: 'run as this user' },
  volume: { type: 'list', short: 'v', metavar: 'SOURCE:PATH[:OPTIONS]', about: 'mount a host path' },
  workdir: { type: 'string', short: 'w', metavar: 'PATH', about: 'working directory' },
} as const

export const RUN_OPTIONS = {
  ...CREATE_OPTIONS,
  detach: { type: 'boolean', short: 'd', about: 'run in the background, print the id' },
  ...STEP_OPTIONS,
  without: WITHOUT_OPTION,
} as const

export const CONTAINER_OPERANDS = { usage: 'IMAGE [COMMAND [ARG...]]', min: 1, max: Infinity, endFlags: true }
