// The TypeScript SDK 1.x: `node sdk1.mjs MCP_URL NAME AUTH_METHOD`.
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Provider, serve } from './line.mjs'

const provider = new Provider()
const transport = () =>
  new StreamableHTTPClientTransport(new URL(process.argv[2]), { authProvider: provider })
let last

await serve(
  provider,
  async () => {
    const client = new Client({ name: process.argv[3], version: '1' })
    await client.connect((last = transport()))
    return client
  },
  (callback) => last.finishAuth(callback.searchParams.get('code')),
  (error) => error instanceof UnauthorizedError,
)
