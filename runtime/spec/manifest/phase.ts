/** The phase of a pod, as Kubernetes counts it (kubernetes.io/docs: Pod Lifecycle). */

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

export interface Member {
  status: 'created' | 'running' | 'restarting' | 'exited'
  exitCode?: number | undefined
}

/** Of its containers; what waits for its next run is Running. */
export const phaseOf = (members: readonly Member[]): Phase => {
  if (members.length === 0 || members.some(({ status }) => status === 'created')) return 'Pending'
  if (members.some(({ status }) => status === 'running' || status === 'restarting')) return 'Running'
  return members.every(({ exitCode }) => exitCode === 0) ? 'Succeeded' : 'Failed'
}
