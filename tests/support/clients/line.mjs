// How the test and a program talk: one JSON object a line. The test says `call` or `callback`,
// the program says `open` (a URL for the person's browser), `result` or `error`.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

export async function hear() {
  const { value, done } = await lines.next()
  return done ? null : JSON.parse(value)
}

export function say(message) {
  process.stdout.write(JSON.stringify(message) + '\n')
}

// Shows the person a URL and waits for the address that their browser ends at.
export async function visit(url) {
  say({ open: String(url) })
  return new URL((await hear()).callback)
}

// What an SDK keeps between calls, and the counts that the test asks about.
export class Provider {
  saved = {}
  logins = 0
  refreshes = 0
  redirectUrl = 'http://127.0.0.1:4711/callback'
  get clientMetadata() {
    return {
      client_name: process.argv[3],
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: process.argv[4],
    }
  }
  state = () => 'state of the program'
  clientInformation = () => this.saved.client
  saveClientInformation = (client) => { this.saved.client = client }
  tokens = () => this.saved.tokens
  saveTokens = (tokens) => {
    if (this.saved.tokens) this.refreshes++
    this.saved.tokens = tokens
  }
  redirectToAuthorization = (url) => { this.wanted = url }
  saveCodeVerifier = (verifier) => { this.saved.verifier = verifier }
  codeVerifier = () => this.saved.verifier
  saveDiscoveryState = (state) => { this.saved.discovery = state }
  discoveryState = () => this.saved.discovery
  invalidateCredentials = (what) => {
    if (what === 'all' || what === 'tokens') delete this.saved.tokens
    if (what === 'all' || what === 'client') delete this.saved.client
  }
}

// Calls a tool for each line of the test; an SDK that wants a login gets the person to do it.
export async function serve(provider, connect, finish, isLogin) {
  let client
  for (let command = await hear(); command; command = await hear()) {
    try {
      const result = await once(command.call).catch(async (error) => {
        if (!isLogin(error)) throw error
        client = undefined
        const callback = await visit(provider.wanted)
        if (callback.searchParams.get('error')) throw new Error(callback.searchParams.get('error'))
        if (callback.searchParams.get('state') !== provider.state()) throw new Error('state')
        provider.logins++
        await finish(callback)
        return once(command.call)
      })
      const { logins, refreshes } = provider
      say({ result: result.content[0].text, logins, refreshes })
    } catch (error) {
      say({ error: `${error.name}: ${error.message}` })
    }
  }
  process.exit(0) // streams of clients that were given up may still be open

  async function once(name) {
    client ??= await connect()
    return client.callTool({ name, arguments: {} })
  }
}
