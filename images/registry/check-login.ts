/** Is a login good? `GET /v2/` says so: 200 with it, 401 without (OCI distribution-spec, "Determining Support"). */
import { Failure } from '../../runtime/errors.ts'
import { discard } from './http.ts'
import type { Registry } from './registry.ts'
import { findRule, type RegistriesConf } from './registries-conf.ts'

/** @throws Failure `registry.denied`, and what reaching the registry throws. */
export const checkLogin = async (registry: Registry, host: string, conf: RegistriesConf): Promise<void> => {
  const rule = findRule(conf, { registry: host, repository: '' })
  const endpoint = { host, insecure: conf.insecure === true || rule?.insecure === true }
  const answer = await registry.send({ endpoint, path: '/v2/', repository: '' })
  await discard(answer)
  if (answer.status === 200) return
  const isDenied = answer.status === 401 || answer.status === 403
  throw new Failure(isDenied ? `registry ${host} refuses this login` : `registry ${host} cannot be logged in to`, {
    id: isDenied ? 'registry.denied' : 'registry.status',
    found: `it answered ${answer.status} to GET /v2/`,
    try: isDenied ? 'another user name or password' : 'is this a registry',
    status: isDenied ? 401 : 502,
  })
}
