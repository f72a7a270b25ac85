// A SaaS application's side of a login, with openid-client.
import * as client from 'openid-client'
import { attempt, hear, say, settings } from './talk.mjs'

const { issuer, client_id, client_secret, redirect_uri } = settings
const authentication = client_secret ? client.ClientSecretPost(client_secret) : client.None()
const config = await client.discovery(new URL(issuer), client_id, {}, authentication, {
  execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks],
})
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const asked = client.buildAuthorizationUrl(config, {
  redirect_uri,
  scope: 'openid email profile groups offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  state,
  nonce,
})
say({ authorize: asked.href })

const back = new URL(await hear())
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true }
const tokens = await client.authorizationCodeGrant(config, back, checks)
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
const next = await client.refreshTokenGrant(config, tokens.refresh_token)
const again = await client.fetchUserInfo(config, next.access_token, claims.sub)
say({
  claims,
  userinfo,
  again,
  refreshed: next.claims(),
  access_token: next.access_token,
  rotated: next.refresh_token !== tokens.refresh_token,
  ...(await attempt('replay', () => client.authorizationCodeGrant(config, back, checks))),
})
process.exit(0)
