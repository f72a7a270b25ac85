// The TypeScript SDK 2.x: `node sdk2.mjs MCP_URL NAME AUTH_METHOD`.
import { Client, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client'
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
  (callback) => last.finishAuth(callback.searchParams),
  (error) => UnauthorizedError.isInstance?.(error) ?? error instanceof UnauthorizedError,
)
