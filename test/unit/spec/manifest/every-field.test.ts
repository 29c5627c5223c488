/**
 * Each field that a Pod of Kubernetes may have is read here or refused by its path with a reason; none is ignored. The names
 * are those of the API reference, core v1 and meta v1, of Kubernetes 1.35: what the next one adds is an unknown field.
 */
import { describe, expect, test } from 'vitest'
import { isFailure } from '../../../../runtime/errors.ts'
import { parseManifests } from '../../../../runtime/spec/manifest/manifest.ts'

type Json = Record<string, unknown>

/** A type of Kubernetes: where it stands, its fields that are read here, and those that are not. */
interface KubernetesType {
  at: string
  /** The smallest pod that has it. */
  within: (value: Json) => Json
  read: string
  refused: string
}

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '')
const pod = (spec: Json, more: Json = {}): Json => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  ...more,
})
const container = (fields: Json): Json => pod({ containers: [{ name: 'c', image: 'i', ...fields }] })

const SECURITY = 'seLinuxOptions windowsOptions runAsNonRoot appArmorProfile'

const TYPES: Record<string, KubernetesType> = {
  Pod: {
    at: '',
    within: (value) => pod({}, value),
    read: 'apiVersion kind metadata spec',
    refused: 'status',
  },
  ObjectMeta: {
    at: 'metadata.',
    within: (metadata) => pod({}, { metadata: { name: 'p', ...metadata } }),
    read: 'name labels',
    // namespace: unless it is `default`
    refused: `namespace generateName selfLink uid resourceVersion generation creationTimestamp deletionTimestamp
      deletionGracePeriodSeconds annotations ownerReferences finalizers managedFields`,
  },
  PodSpec: {
    at: 'spec.',
    within: pod,
    read: 'volumes containers restartPolicy hostNetwork shareProcessNamespace securityContext hostname hostAliases',
    // the first two lines: unless they ask for what is so in any case
    refused: `hostPID hostIPC hostUsers
      dnsPolicy enableServiceLinks automountServiceAccountToken
      initContainers ephemeralContainers terminationGracePeriodSeconds activeDeadlineSeconds nodeSelector serviceAccountName
      serviceAccount nodeName imagePullSecrets subdomain affinity schedulerName tolerations priorityClassName priority
      dnsConfig readinessGates runtimeClassName preemptionPolicy overhead topologySpreadConstraints setHostnameAsFQDN os
      schedulingGates resourceClaims resources hostnameOverride workloadRef schedulingGroup`,
  },
  PodSecurityContext: {
    at: 'spec.securityContext.',
    within: (securityContext) => pod({ securityContext }),
    read: 'runAsUser runAsGroup seccompProfile',
    refused: `${SECURITY} supplementalGroups supplementalGroupsPolicy fsGroup fsGroupChangePolicy sysctls seLinuxChangePolicy`,
  },
  HostAlias: {
    at: 'spec.hostAliases[0].',
    within: (alias) => pod({ hostAliases: [{ ip: '10.0.0.1', ...alias }] }),
    read: 'ip hostnames',
    refused: '',
  },
  Volume: {
    at: 'spec.volumes[0].',
    within: (volume) => pod({ volumes: [{ name: 'v', ...volume }] }),
    read: 'name emptyDir hostPath',
    refused: `gcePersistentDisk awsElasticBlockStore gitRepo secret nfs iscsi glusterfs persistentVolumeClaim rbd flexVolume
      cinder cephfs flocker downwardAPI fc azureFile configMap vsphereVolume quobyte azureDisk photonPersistentDisk projected
      portworxVolume scaleIO storageos csi ephemeral image`,
  },
  EmptyDirVolumeSource: {
    at: 'spec.volumes[0].emptyDir.',
    within: (emptyDir) => pod({ volumes: [{ name: 'v', emptyDir }] }),
    read: 'medium sizeLimit',
    refused: '',
  },
  HostPathVolumeSource: {
    at: 'spec.volumes[0].hostPath.',
    within: (hostPath) => pod({ volumes: [{ name: 'v', hostPath: { path: '/p', ...hostPath } }] }),
    read: 'path type',
    refused: '',
  },
  Container: {
    at: 'spec.containers[0].',
    within: container,
    read: `name image command args workingDir ports env resources volumeMounts imagePullPolicy securityContext stdin stdinOnce
      tty`,
    refused: `envFrom resizePolicy restartPolicy restartPolicyRules volumeDevices livenessProbe readinessProbe startupProbe
      lifecycle terminationMessagePath terminationMessagePolicy`,
  },
  ContainerPort: {
    at: 'spec.containers[0].ports[0].',
    within: (port) => container({ ports: [{ containerPort: 80, ...port }] }),
    read: 'name hostPort containerPort protocol hostIP',
    refused: '',
  },
  EnvVar: {
    at: 'spec.containers[0].env[0].',
    within: (variable) => container({ env: [{ name: 'A', ...variable }] }),
    read: 'name value',
    refused: 'valueFrom',
  },
  VolumeMount: {
    at: 'spec.containers[0].volumeMounts[0].',
    within: (mount) => container({ volumeMounts: [{ name: 'v', mountPath: '/v', ...mount }] }),
    read: 'name mountPath readOnly',
    refused: 'recursiveReadOnly subPath subPathExpr mountPropagation',
  },
  ResourceRequirements: {
    at: 'spec.containers[0].resources.',
    within: (resources) => container({ resources }),
    read: 'limits requests',
    refused: 'claims',
  },
  ResourceList: {
    at: 'spec.containers[0].resources.limits.',
    within: (limits) => container({ resources: { limits } }),
    read: 'cpu memory',
    refused: 'ephemeral-storage hugepages-2Mi hugepages-1Gi nvidia.com/gpu squat.ai/fuse',
  },
  SecurityContext: {
    at: 'spec.containers[0].securityContext.',
    within: (securityContext) => container({ securityContext }),
    read: 'capabilities runAsUser runAsGroup readOnlyRootFilesystem allowPrivilegeEscalation seccompProfile',
    refused: `${SECURITY} privileged procMount`,
  },
  Capabilities: {
    at: 'spec.containers[0].securityContext.capabilities.',
    within: (capabilities) => container({ securityContext: { capabilities } }),
    read: 'add drop',
    refused: '',
  },
  SeccompProfile: {
    at: 'spec.securityContext.seccompProfile.',
    within: (seccompProfile) => pod({ securityContext: { seccompProfile } }),
    read: 'type',
    refused: 'localhostProfile',
  },
}

/** A value that no field takes: what reads it must say so. */
const NONSENSE = { nonsense: 1 }

/** What is said of a path or of what is below it. */
const saidOf = (path: string, manifest: Json): string[] => {
  try {
    parseManifests(JSON.stringify(manifest), 'f')
  } catch (error) {
    if (!isFailure(error)) throw error
    return `${error.message}\n${error.facts.found ?? ''}`
      .split('\n')
      .map((line) => line.trim().replace(/^f:\d+: /, ''))
      .filter((line) => line.startsWith(`${path}:`) || line.startsWith(`${path}.`))
  }
  return []
}

/** A name that is no word is quoted. */
const pathOf = (at: string, field: string): string => at + (/^[\w-]+$/.test(field) ? field : JSON.stringify(field))

describe.each(Object.entries(TYPES))('of %s', (_name, { at, within, read, refused }) => {
  test.each(words(refused))('%s is refused, with a reason', (field) => {
    expect(saidOf(pathOf(at, field), within({ [field]: NONSENSE }))).toEqual([
      expect.stringMatching(/: not supported( yet)?: \S+/) as string,
    ])
  })

  test.each(words(read))('%s is read: nonsense in it is seen', (field) => {
    const said = saidOf(`${at}${field}`, within({ [field]: NONSENSE }))
    expect(said.length).toBeGreaterThan(0)
    expect(said.filter((line) => /: not supported/.test(line) || line === `${at}${field}: unknown field`)).toEqual([])
  })

  test('a name that is none is unknown', () => {
    expect(saidOf(`${at}nonsense`, within(NONSENSE))).toEqual([`${at}nonsense: unknown field`])
  })
})
