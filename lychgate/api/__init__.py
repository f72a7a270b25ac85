"""The wire shapes of everything administrators edit, shared by the admin API and the file."""

from lychgate.api.convert import (
    FOREVER,
    PLURALS,
    Model,
    audience_of,
    body_model,
    client_id_of,
    from_wire,
    parse_body,
    to_model,
)

__all__ = [
    "FOREVER",
    "PLURALS",
    "Model",
    "audience_of",
    "body_model",
    "client_id_of",
    "from_wire",
    "parse_body",
    "to_model",
]
