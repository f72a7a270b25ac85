// A client generated from the OpenAPI document alone. The compiler holds it to the document's types.
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.js'

declare const process: { argv: string[] }

type Policy = components['schemas']['Policy']

const [baseUrl, token, account_id] = process.argv.slice(2) as [string, string, string]
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } })
const path = { account_id }

const created = await client.POST('/accounts/{account_id}/access/policies', {
  params: { path },
  body: { name: 'generated', decision: 'allow', include: [{ email_domain: { domain: 'example.com' } }] },
})
if (!created.data) throw new Error(JSON.stringify(created.error.errors))
const policy: Policy = created.data.result

const app = await client.POST('/accounts/{account_id}/access/apps', {
  params: { path },
  body: {
    type: 'self_hosted',
    name: 'generated',
    domain: 'generated.example.com',
    policies: [{ id: policy.id }],
    oauth_configuration: { enabled: true },
  },
})
if (!app.data || app.data.result.type !== 'self_hosted') throw new Error('no application')
const shown: string[] = app.data.result.self_hosted_domains

const listed = await client.GET('/accounts/{account_id}/access/apps', {
  params: { path, query: { page: 1, per_page: 10, search: 'generated' } },
})
const refused = await client.GET('/accounts/{account_id}/access/apps/{id}', {
  params: { path: { account_id, id: 'nope' } },
})
const changed = await client.PUT('/accounts/{account_id}/access/keys', {
  params: { path },
  body: { key_rotation_interval_days: 45 },
})
const gone = await client.DELETE('/accounts/{account_id}/access/apps/{id}', {
  params: { path: { account_id, id: app.data.result.id } },
})

console.log(
  JSON.stringify({
    decision: policy.decision,
    domains: shown,
    linked: app.data.result.policies.map((one) => one.precedence),
    total: listed.data?.result_info.total_count,
    refused: refused.error?.errors[0]?.code,
    days: changed.data?.result.key_rotation_interval_days,
    gone: gone.data?.result.id === app.data.result.id,
  }),
)
