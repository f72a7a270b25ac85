// oauth4webapi, every check it has: `node oauth4webapi.mjs MCP_URL NAME AUTH_METHOD`.
// The test says `run`; what went well comes back step by step.
import * as oauth from 'oauth4webapi'
import { hear, say, visit } from './line.mjs'

const [, , resource, client_name, method] = process.argv
const http = { [oauth.allowInsecureRequests]: true } // it takes plain http nowhere by itself
const redirect_uri = 'http://127.0.0.1:4712/callback'
const url = new URL(resource)
const steps = []

async function run() {
  const found = await oauth.resourceDiscoveryRequest(url, http)
  const metadata = await oauth.processResourceDiscoveryResponse(url, found)
  const issuer = new URL(metadata.authorization_servers[0])
  const server = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...http }),
  )
  await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, http))
  steps.push('discovered')
  const client = await oauth.processDynamicClientRegistrationResponse(
    await oauth.dynamicClientRegistrationRequest(
      server,
      { client_name, redirect_uris: [redirect_uri], token_endpoint_auth_method: method },
      http,
    ),
  )
  if (client.token_endpoint_auth_method !== method) throw new Error('another method')
  const authentication = {
    none: () => oauth.None(),
    client_secret_basic: () => oauth.ClientSecretBasic(client.client_secret),
    client_secret_post: () => oauth.ClientSecretPost(client.client_secret),
  }[method]()
  steps.push('registered')

  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const authorization = new URL(server.authorization_endpoint)
  const challenge = await oauth.calculatePKCECodeChallenge(verifier)
  for (const [name, value] of Object.entries({
    client_id: client.client_id, redirect_uri, response_type: 'code', state,
    resource: metadata.resource, code_challenge: challenge, code_challenge_method: 'S256',
  })) authorization.searchParams.set(name, value)
  const parameters = oauth.validateAuthResponse(server, client, await visit(authorization), state)
  const redeem = (proof) => oauth.authorizationCodeGrantRequest(
    server, client, authentication, parameters, redirect_uri, proof,
    { ...http, additionalParameters: { resource: metadata.resource } },
  )
  await refused('invalid_grant', async () =>
    oauth.processAuthorizationCodeResponse(server, client, await redeem(oauth.generateRandomCodeVerifier())))
  steps.push('a wrong verifier is refused')
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, await redeem(verifier))
  steps.push('redeemed')
  await enters(tokens.access_token)

  // This library sends no resource with a refresh: the granted one is meant.
  const fresh = await oauth.processRefreshTokenResponse(
    server, client,
    await oauth.refreshTokenGrantRequest(server, client, authentication, tokens.refresh_token, http),
  )
  if (fresh.refresh_token === tokens.refresh_token) throw new Error('not rotated')
  steps.push('refreshed')
  await enters(fresh.access_token)

  await oauth.processRevocationResponse(
    await oauth.revocationRequest(server, client, authentication, fresh.refresh_token, http))
  await new Promise((after) => setTimeout(after, 1000))
  await challenged(fresh.access_token)
  await challenged(tokens.access_token)
  steps.push('revoked')
}

async function ask(token) {
  return oauth.protectedResourceRequest(token, 'GET', url, undefined, null, http)
}

async function enters(token) {
  const answer = await ask(token)
  if (answer.status !== 200) throw new Error(`the token opens nothing: ${answer.status}`)
}

async function challenged(token) {
  const error = await ask(token).then((answer) => new Error(`${answer.status}`), (error) => error)
  if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error
  const [{ scheme, parameters }] = error.cause
  if (scheme !== 'bearer' || parameters.error !== 'invalid_token') throw new Error('challenge')
}

async function refused(code, attempt) {
  const error = await attempt().then(() => new Error('it was taken'), (error) => error)
  if (error.error !== code) throw error
}

await hear()
try {
  await run()
  say({ steps })
} catch (error) {
  say({ steps, error: `${error.name}: ${error.message} ${JSON.stringify(error.cause ?? error.error)}` })
}
process.exit(0)
