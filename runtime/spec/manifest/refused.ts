/** Fields that Kubernetes has for a Pod and that are not had here, each with its reason. */

const SCHEDULER = 'there is no scheduler: a pod runs on this machine'
const NO_API = 'there is no Kubernetes API to read it from'
const NO_PROBES = 'nothing probes containers here'
const KUBELET_ONLY = 'only a cluster knows it'

/** What else stands in such files, and what to do instead. */
export const OTHER_KINDS: readonly (readonly [kinds: string, advice: string])[] = [
  ['List PodList', 'write its items as documents, with --- between them'],
  ['Deployment ReplicaSet StatefulSet DaemonSet Job CronJob', 'write its template as a Pod'],
  ['ConfigMap Secret', 'values are written out in the Pod'],
  ['Service Ingress', 'a hostPort publishes a port'],
  ['PersistentVolume PersistentVolumeClaim', 'volumes are emptyDir and hostPath'],
]

export const REFUSED_IN_METADATA = {
  annotations: 'nothing reads them here',
  ...{ generateName: 'a name is needed', finalizers: KUBELET_ONLY, ownerReferences: KUBELET_ONLY },
  ...{ uid: KUBELET_ONLY, resourceVersion: KUBELET_ONLY, generation: KUBELET_ONLY, managedFields: KUBELET_ONLY },
  ...{ creationTimestamp: KUBELET_ONLY, deletionTimestamp: KUBELET_ONLY, selfLink: KUBELET_ONLY },
  deletionGracePeriodSeconds: KUBELET_ONLY,
}

export const REFUSED_IN_SPEC = {
  initContainers: 'containers start together here',
  ephemeralContainers: 'use glasspod exec',
  ...{ affinity: SCHEDULER, nodeName: SCHEDULER, nodeSelector: SCHEDULER, tolerations: SCHEDULER },
  ...{ priority: SCHEDULER, priorityClassName: SCHEDULER, preemptionPolicy: SCHEDULER, schedulerName: SCHEDULER },
  ...{ schedulingGates: SCHEDULER, topologySpreadConstraints: SCHEDULER, resourceClaims: SCHEDULER },
  ...{ schedulingGroup: SCHEDULER, workloadRef: SCHEDULER },
  ...{ serviceAccount: NO_API, serviceAccountName: NO_API, imagePullSecrets: 'glasspod login keeps the logins' },
  readinessGates: NO_PROBES,
  activeDeadlineSeconds: 'nothing ends a pod by its age',
  terminationGracePeriodSeconds: 'glasspod down -t says how long it waits',
  dnsConfig: 'names are resolved by the node’s own forwarder',
  subdomain: 'there is no cluster domain',
  hostnameOverride: 'hostname says what the pod is called',
  setHostnameAsFQDN: 'there is no cluster domain',
  runtimeClassName: 'there is one runtime',
  overhead: 'there is one runtime',
  os: 'a pod runs on this machine',
  resources: 'limits are those of each container',
}

export const REFUSED_IN_CONTAINER = {
  ...{ livenessProbe: NO_PROBES, readinessProbe: NO_PROBES, startupProbe: NO_PROBES },
  lifecycle: 'there are no hooks',
  envFrom: NO_API,
  restartPolicy: 'the pod’s restartPolicy is that of each container',
  restartPolicyRules: 'the pod’s restartPolicy is that of each container',
  resizePolicy: 'glasspod update changes limits',
  terminationMessagePath: 'inspect says why a container ended (State.Reason)',
  terminationMessagePolicy: 'inspect says why a container ended (State.Reason)',
  volumeDevices: 'block devices of the host cannot be had',
}

/** A name with a domain, which the plugin of a device gives its resource (kubernetes.io/docs: Extended resources). */
const EXTENDED = /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\/[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?$/

/** What a container may ask for beside processor and memory. */
export const refusedResource = (name: string): string | undefined => {
  if (name === 'ephemeral-storage') return 'nothing limits a disk here'
  if (/^hugepages-\d+(\.\d+)?[A-Za-z]{0,2}$/.test(name)) return 'nothing hands out huge pages here'
  return EXTENDED.test(name) ? 'no device plugin hands it out here' : undefined
}

export const REFUSED_IN_SECURITY_CONTEXT = {
  ...{ seLinuxOptions: 'SELinux is not set', appArmorProfile: 'AppArmor is not set', windowsOptions: 'this is Linux' },
  runAsNonRoot: 'say which user with runAsUser',
  procMount: 'what is hidden in /proc stays hidden',
  ...{ fsGroup: 'volumes keep their owners', fsGroupChangePolicy: 'volumes keep their owners' },
  ...{ supplementalGroups: 'groups are those of the image', supplementalGroupsPolicy: 'groups are those of the image' },
  sysctls: 'they are those of the node',
  seLinuxChangePolicy: 'SELinux is not set',
}

const NO_VOLUME = 'volumes are emptyDir and hostPath'
export const REFUSED_VOLUMES = Object.fromEntries(
  [
    ...['awsElasticBlockStore', 'azureDisk', 'azureFile', 'cephfs', 'cinder', 'configMap', 'csi', 'downwardAPI'],
    ...['ephemeral', 'fc', 'flexVolume', 'flocker', 'gcePersistentDisk', 'gitRepo', 'glusterfs', 'image', 'iscsi'],
    ...['nfs', 'persistentVolumeClaim', 'photonPersistentDisk', 'portworxVolume', 'projected', 'quobyte', 'rbd'],
    ...['scaleIO', 'secret', 'storageos', 'vsphereVolume'],
  ].map((name) => [name, NO_VOLUME]),
)
