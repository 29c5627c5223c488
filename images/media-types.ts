/**
 * What a blob is, as OCI image-spec (media-types.md) and Docker schema 2 name it. Both families are accepted
 * everywhere; foreign layers and Docker schema 1 are recognised so that they can be refused by name.
 */
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
export const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip'

/** The Accept header of a manifest request. */
export const MANIFEST_ACCEPT = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST].join(', ')

export const isIndexType = (type: string): boolean => type === OCI_INDEX || type === DOCKER_LIST
export const isManifestType = (type: string): boolean => type === OCI_MANIFEST || type === DOCKER_MANIFEST
export const isConfigType = (type: string): boolean => type === OCI_CONFIG || type === DOCKER_CONFIG
export const isSchema1Type = (type: string): boolean =>
  type.startsWith('application/vnd.docker.distribution.manifest.v1')

/** A layer's tar, plain or compressed; by what, its first bytes tell (layer/decompress.ts). */
export const isLayerType = (type: string): boolean =>
  /^application\/vnd\.oci\.image\.layer\.v1\.tar(?:\+(?:gzip|zstd))?$/.test(type) ||
  /^application\/vnd\.docker\.image\.rootfs\.diff\.tar(?:\.(?:gzip|zstd))?$/.test(type)

/** A layer that the registry does not have: its maker forbade to pass it on. Deprecated since image-spec 1.1. */
export const isForeignLayerType = (type: string): boolean =>
  type.startsWith('application/vnd.oci.image.layer.nondistributable.') ||
  type.startsWith('application/vnd.docker.image.rootfs.foreign.')
