"""The wire shapes of MCP servers and of the portals that gather them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lychgate.api.base import Endpoint, Flag, Kept, Lower, Name, Text, Wire
from lychgate.api.certificates import Host
from lychgate.api.kept import Slug


class ChangedCapability(Wire):
    """A tool or prompt that is shown otherwise than its server names it."""

    name: Name
    alias: Text | None = None
    description: Text | None = None
    enabled: Flag | None = None


Capabilities = Annotated[list[ChangedCapability], Field(max_length=1000)]


class McpServerBody(Kept):
    """An MCP server elsewhere."""

    id: Slug
    name: Name
    hostname: Endpoint
    auth_type: Annotated[Literal["oauth", "bearer", "unauthenticated"], Lower]
    auth_credentials: Text | None = None
    client_secret: Text | None = None
    description: Text | None = None
    is_shared_oauth_callback_enabled: Flag = False
    secure_web_gateway: Flag = False
    updated_tools: Capabilities = Field(default_factory=list)
    updated_prompts: Capabilities = Field(default_factory=list)


class PortalServer(Wire):
    """A server of a portal."""

    server_id: Name
    default_disabled: Flag = False
    on_behalf: Flag = True
    updated_tools: Capabilities = Field(default_factory=list)
    updated_prompts: Capabilities = Field(default_factory=list)


class McpPortalBody(Kept):
    """Several MCP servers under one host."""

    id: Slug
    name: Name
    hostname: Host
    description: Text | None = None
    code_mode: Annotated[Literal["off", "opt_in", "default_on", "enforced"], Lower] | None = None
    allow_code_mode: Flag | None = None
    secure_web_gateway: Flag = False
    servers: Annotated[list[PortalServer], Field(max_length=1000)] = Field(default_factory=list)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.code_mode is not None and self.allow_code_mode is not None:
            if self.allow_code_mode == (self.code_mode == "off"):
                raise ValueError("allow_code_mode contradicts code_mode")
        named = [server.server_id for server in self.servers]
        if len(set(named)) != len(named):
            raise ValueError("servers must name each server once")
        return self
