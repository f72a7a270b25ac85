"""The demo's MCP server: three small tools behind the gate, over streamable HTTP."""

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from lychgate.core.urls import ASSERTION
from lychgate.demo.received import claims_of

_HOSTS = ("localhost", "mcp.localhost", "127.0.0.1", "[::1]")
# The proxy hands on the host and port the client asked for, whichever port that is.
_SECURITY = TransportSecuritySettings(
    allowed_hosts=[*_HOSTS, *(f"{host}:*" for host in _HOSTS)],
    allowed_origins=[f"http://{host}{port}" for host in _HOSTS for port in ("", ":*")],
)


def whoami(ctx: Context) -> str:
    """Say who is calling: the email address in the gate's assertion."""
    token = (ctx.headers or {}).get(ASSERTION, "")
    return str(claims_of(token).get("email") or "nobody: there was no assertion")


def add(a: float, b: float) -> float:
    """Add two numbers."""
    return a + b


def echo(text: str) -> str:
    """Say the same again."""
    return text


def mcp_server() -> MCPServer:
    """A new server with its HTTP application prepared; its session manager runs once."""
    server = MCPServer(
        "Lychgate demo",
        instructions="A small server behind Lychgate. `whoami` tells who the gate says you are.",
        log_level="WARNING",
    )
    for tool in (whoami, add, echo):
        server.add_tool(tool)
    server.streamable_http_app(transport_security=_SECURITY)
    return server
