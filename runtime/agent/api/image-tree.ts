/** GET /glasspod/images/NAME/tree: the layers of an image, who shares them, and which one owns a path. */
import type { Agent } from '../agent.ts'
import type { Request } from '../http.ts'

export const answerImageTree = async (agent: Agent, { params, query }: Request) => {
  const [{ planHistory }, { readDiskUsage }, { findOwner, readImageTraces }, store] = await Promise.all([
    import('../../../images/history.ts'),
    import('../../../images/store/disk-usage.ts'),
    import('../../../images/path-owner.ts'),
    agent.images.store(),
  ])
  const image = await agent.images.find(params['name'] ?? '')
  const others = (await agent.images.list()).filter(({ digest }) => digest !== image.digest)
  const config = await store.readBlob(image.id)
  const steps = config === undefined ? [] : planHistory(config, image.layers)
  const read = readImageTraces(store, image)
  const paths = []
  for (const path of query.getAll('path')) {
    const { path: at, owner, layers } = await findOwner(image, path, read)
    paths.push({
      Path: path,
      Resolved: at,
      Owner: owner ?? null,
      Layers: layers.map(({ digest, does, size }) => ({ Digest: digest, Does: does, Size: size })),
    })
  }
  return {
    Id: image.id,
    Digest: image.digest,
    Names: image.names,
    Size: image.size,
    Layers: await Promise.all(
      image.layers.map(async ({ digest, diffId, size }) => ({
        Digest: digest,
        DiffId: diffId,
        Size: size,
        Unpacked: await readDiskUsage(store.layerPath(diffId)),
        CreatedBy: steps.find(({ layer }) => layer === digest)?.createdBy ?? '',
        SharedWith: others
          .filter(({ layers }) => layers.some((layer) => layer.diffId === diffId))
          .map((other) => other.names[0] ?? other.id),
      })),
    ),
    Paths: paths,
  }
}
