// The official TypeScript SDK, unmodified: applications, policies and service tokens from their
// making to their end. What happened is printed as one JSON object, for the test to judge.
import Cloudflare from 'cloudflare'

const [baseURL, apiToken, account_id] = process.argv.slice(2)
const cf = new Cloudflare({ baseURL, apiToken, maxRetries: 0 })
const { applications, policies, serviceTokens } = cf.zeroTrust.access
const everyone = [{ everyone: {} }]
const word = `ts-${Date.now()}`

async function all(pages) {
  const found = []
  for await (const one of pages) found.push(one)
  return found
}

async function failure(promise) {
  try {
    await promise
    return null
  } catch (error) {
    return { kind: error.constructor.name, status: error.status, code: error.errors?.[0]?.code }
  }
}

const seen = {}

const made = []
for (let n = 0; n < 5; n++) {
  made.push(await policies.create({ account_id, name: `${word}-${n}`, decision: 'allow', include: everyone }))
}
seen.policies = {
  walked: (await all(policies.list({ account_id, per_page: 2 }))).filter((one) => one.name.startsWith(word)).length,
  read: (await policies.get(made[0].id, { account_id })).name === `${word}-0`,
  updated: (await policies.update(made[0].id, { account_id, name: 'renamed', decision: 'deny', include: everyone })).decision,
  unknownDecision: await failure(policies.create({ account_id, name: 'x', decision: 'perhaps', include: everyone })),
  unknown: await failure(policies.get('nope', { account_id })),
}

const body = { account_id, type: 'self_hosted', name: word, domain: `${word}.example.com` }
const app = await applications.create({ ...body, policies: [{ id: made[1].id, precedence: 1 }] })
const own = await applications.policies.create(app.id, { account_id, name: 'own', decision: 'deny', include: everyone })
const updated = await applications.update(app.id, { ...body, session_duration: '30m' })
const again = await applications.get(app.id, { account_id })
seen.applications = {
  created: [app.name, app.aud.length, app.policies.length],
  found: (await all(applications.list({ account_id, name: word, per_page: 1 }))).length,
  policies: (await all(applications.policies.list(app.id, { account_id }))).map((one) => one.precedence),
  updated: [updated.session_duration, updated.policies.length],
  drift: JSON.stringify({ ...again, updated_at: 0 }) !== JSON.stringify({ ...updated, updated_at: 0 }),
  taken: await failure(applications.create(body)),
  inUse: await failure(policies.delete(made[1].id, { account_id })),
  settings: await applications.settings.edit(app.id, { account_id, allow_iframe: true }),
  revoked: await applications.revokeTokens(app.id, { account_id }),
  ownDeleted: (await applications.policies.delete(own.id, { account_id, app_id: app.id })).id === own.id,
  deleted: (await applications.delete(app.id, { account_id })).id === app.id,
  gone: await failure(applications.get(app.id, { account_id })),
}
for (const one of made) await policies.delete(one.id, { account_id })

const token = await serviceTokens.create({ account_id, name: word, duration: '720h' })
const rotated = await serviceTokens.rotate(token.id, { account_id })
const refreshed = await serviceTokens.refresh(token.id, { account_id })
const renamed = await serviceTokens.update(token.id, { account_id, name: `${word}-2` })
const listed = await all(serviceTokens.list({ account_id, per_page: 1 }))
const read = await serviceTokens.get(token.id, { account_id })
seen.serviceTokens = {
  secrets: [token.client_secret, rotated.client_secret],
  sameClient: token.client_id === rotated.client_id,
  readBack: JSON.stringify([refreshed, renamed, listed, read]),
  renamed: [renamed.name, read.duration, listed.some((one) => one.id === token.id)],
  deleted: (await serviceTokens.delete(token.id, { account_id })).id === token.id,
  gone: await failure(serviceTokens.get(token.id, { account_id })),
}
const stranger = new Cloudflare({ baseURL, apiToken: 'nope', maxRetries: 0 })
seen.stranger = await failure(stranger.zeroTrust.access.groups.list({ account_id }))
seen.elsewhere = await failure(cf.zeroTrust.access.groups.list({ account_id: '1'.repeat(32) }))
console.log(JSON.stringify(seen))
