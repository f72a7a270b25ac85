// A SaaS application's side of a login, with oauth4webapi, each answer checked as it wants.
import * as oauth from 'oauth4webapi'
import { attempt, hear, say, settings } from './talk.mjs'

const options = { [oauth.allowInsecureRequests]: true }
const issuer = new URL(settings.issuer)
const server = await oauth
  .discoveryRequest(issuer, { ...options, algorithm: 'oidc' })
  .then((response) => oauth.processDiscoveryResponse(issuer, response))
const client = { client_id: settings.client_id }
const authentication = settings.client_secret
  ? oauth.ClientSecretBasic(settings.client_secret)
  : oauth.None()
const { redirect_uri } = settings
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()
const asked = new URL(server.authorization_endpoint)
for (const [name, value] of Object.entries({
  client_id: client.client_id,
  redirect_uri,
  response_type: 'code',
  scope: 'openid email',
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})) {
  asked.searchParams.set(name, value)
}
say({ authorize: asked.href })

const params = oauth.validateAuthResponse(server, client, new URL(await hear()), state)
async function redeem(proof) {
  const response = await oauth.authorizationCodeGrantRequest(
    server, client, authentication, params, redirect_uri, proof, options,
  )
  const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, {
    expectedNonce: nonce,
    requireIdToken: true,
  })
  await oauth.validateApplicationLevelSignature(server, response, options)
  return tokens
}
const wrong = await attempt('wrong_verifier', () => redeem(oauth.generateRandomCodeVerifier()))
const tokens = await redeem(verifier)
const claims = oauth.getValidatedIdTokenClaims(tokens)
async function who(token) {
  const response = await oauth.userInfoRequest(server, client, token, options)
  return await oauth.processUserInfoResponse(server, client, claims.sub, response)
}
const userinfo = await who(tokens.access_token)
const answer = await oauth.refreshTokenGrantRequest(
  server, client, authentication, tokens.refresh_token, options,
)
const next = await oauth.processRefreshTokenResponse(server, client, answer)
say({
  claims,
  userinfo,
  again: await who(next.access_token),
  refreshed: oauth.getValidatedIdTokenClaims(next),
  access_token: next.access_token,
  rotated: next.refresh_token !== tokens.refresh_token,
  ...wrong,
  ...(await attempt('replay', () => redeem(verifier))),
})
process.exit(0)
