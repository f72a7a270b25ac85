"""The readable page of the admin API: every call with the permission it needs."""

from html import escape

from lychgate.admin.openapi import document
from lychgate.admin.routes import ROOT

PAGE = f"{ROOT}/docs"


def page() -> str:
    """The page, as plain HTML without style or script."""
    rows = "\n".join(
        f"<tr><td><code>{method.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(operation['summary'])}</td><td>{_permission(operation)}</td></tr>"
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<title>Lychgate admin API</title></head><body><h1>Lychgate admin API</h1>"
        f"<p>Every path stands below <code>{ROOT}</code>. Send an API token as "
        "<code>Authorization: Bearer TOKEN</code>; <code>lychgate api-token create</code> makes "
        f'one. For programs: <a href="{ROOT}/openapi.json">openapi.json</a>.</p>'
        "<table><thead><tr><th>Method</th><th>Path</th><th>What it does</th><th>Permission</th>"
        f"</tr></thead><tbody>\n{rows}\n</tbody></table></body></html>\n"
    )


def _permission(operation: dict[str, str]) -> str:
    text = operation["description"].removeprefix("Needs the permission ").rstrip(".")
    return escape(text.replace("`", ""))
