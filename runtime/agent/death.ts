/** Gathers what is known of how a container ended: before its cgroup goes, and with it what the kernel remembers. */
import { readLeafEvents, readMachineOomKills, readMemoryEvents } from '../kernel/cgroups/events.ts'
import { readNumber } from '../kernel/cgroups/files.ts'
import { certify, wasOomKilled, type Evidence } from '../see/certificate.ts'
import type { Ending } from './monitored.ts'
import type { Baseline, ContainerRecord, Death, PodRecord } from './records.ts'

/** Directories of cgroups; undefined where there is none. */
export interface Places {
  leaf: string | undefined
  pod: string | undefined
}

/** A pod of one has no limits of its own. */
const readPodOom = ({ pod }: Places, { implicit }: PodRecord): number | undefined =>
  pod === undefined || implicit ? undefined : readMemoryEvents(pod, 'memory.events.local')?.oom

export const readBaseline = (places: Places, pod: PodRecord, hasMemory: boolean): Baseline => {
  const podOom = readPodOom(places, pod)
  const machineOomKills = hasMemory ? undefined : readMachineOomKills()
  return { ...(podOom === undefined ? {} : { podOom }), ...(machineOomKills === undefined ? {} : { machineOomKills }) }
}

const since = (now: number | undefined, before: number | undefined): number | undefined =>
  now === undefined || before === undefined ? undefined : Math.max(0, now - before)

interface Dead {
  record: ContainerRecord
  pod: PodRecord
  /** See Evidence. */
  processOne: number | undefined
}

export const readDeath = ({ record, pod, processOne }: Dead, places: Places, ending: Ending): Death => {
  const { baseline = {}, asked } = record
  const podOom = since(readPodOom(places, pod), baseline.podOom)
  const podLimit = places.pod === undefined ? undefined : readNumber(`${places.pod}/memory.max`)
  const machineOomKills =
    baseline.machineOomKills === undefined ? undefined : since(readMachineOomKills(), baseline.machineOomKills)
  const evidence: Evidence = {
    ...(ending.exitCode === undefined ? {} : { exitCode: ending.exitCode }),
    ...(ending.signal === undefined ? {} : { signal: ending.signal }),
    ...(asked === undefined ? {} : { asked }),
    ...(processOne === undefined ? {} : { processOne }),
    ...(places.leaf === undefined ? {} : readLeafEvents(places.leaf)),
    ...(podOom === undefined ? {} : { podOom }),
    ...(podLimit === undefined ? {} : { podLimit }),
    ...(machineOomKills === undefined ? {} : { machineOomKills }),
  }
  return { reason: certify(evidence), oomKilled: wasOomKilled(evidence), evidence }
}
