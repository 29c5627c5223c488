/** The uplink as a node has it, started and ended again. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Failure, isFailure } from '../../errors.ts'
import { startUplink, stopUplink } from '../../rootless/uplink.ts'
import { AS_INNER_ROOT, inScratch, PROGRAM_MS } from './host.ts'
import { bad, defineProbe, fine, unasked, type Probe } from './probe.ts'

export const UPLINK_START = defineProbe<{ program?: string; failure?: string | undefined }>({
  id: 'uplink.start',
  group: 'network',
  severity: 'warning',
  title: 'the uplink starts',
  why: 'Program and device may be there and the uplink still end at once: an old program, a sandbox, no address.',
  advice: 'sudo apt-get install passt slirp4netns  # the other program may start; or run with --network none',
  see: 'slirp4netns(1), pasta(1)',
  needs: ['uplink.tun', 'uplink.program', 'userns.capabilities'],
  read: (host) =>
    host.byRoot
      ? {}
      : inScratch(host, async (runDir) => {
          const [command, ...args] = [...AS_INNER_ROOT, '--net', 'sh', '-c', 'echo; exec cat']
          const keeper = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] })
          keeper.stdin.on('error', () => undefined)
          try {
            await Promise.race([once(keeper.stdout, 'data'), once(keeper, 'exit')])
            const netnsPid = keeper.pid
            if (netnsPid === undefined) throw new Failure('unshare ended at once')
            const enter = ['nsenter', '--preserve-credentials', '--user', '--target', `${netnsPid}`, '--']
            const uplink = await startUplink({ netnsPid, runDir, prefix: enter, timeoutMs: PROGRAM_MS })
            await stopUplink(uplink)
            return { program: uplink.program }
          } catch (error) {
            if (!isFailure(error)) throw error
            return { failure: [error.message, error.facts.found].filter((text) => text !== undefined).join('; ') }
          } finally {
            keeper.stdin.end()
          }
        }),
  judge({ program, failure }) {
    if (failure !== undefined) return bad(failure)
    return program === undefined ? unasked('the device is made when glasspod starts') : fine(`${program} was ready`)
  },
})

export const UPLINK_START_PROBES: readonly Probe[] = [UPLINK_START]
