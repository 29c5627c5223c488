/** How the agent of a root directory is executed. */
import { layout } from './root-directory.ts'

/** Exit code of flock(1) for an agent that is one too many. */
const LOCKED = 75

/** flock(1) without a fork: the agent itself holds the lock, by a descriptor that it was born with. */
export const agentCommand = (root: string): string[] => [
  ...['/usr/bin/flock', '--nonblock', '--no-fork', '--conflict-exit-code', `${LOCKED}`, layout(root).lock],
  // It lives long and allocates little at a time: 49 MB after 120 containers, where the defaults give 71.
  ...[
    process.execPath,
    '--optimize-for-size',
    '--max-semi-space-size=1',
    `${layout(root).lib}/current/agent.cjs`,
    '--root',
    root,
  ],
]
