"""`lychgate keys`: list and rotate the signing keys."""

import typer

from lychgate.cli.options import DEFAULT, Config, opened
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.core.keys import OVERLAP, Keyring, SigningKey

app = typer.Typer(help="The keys that sign tokens.", no_args_is_help=True)


@app.command("list")
def list_keys(config: Config = DEFAULT) -> None:
    """List the keys, and which one signs."""
    with opened(config) as (_, store):
        _show(store.keys.keyring())


@app.command()
def rotate(config: Config = DEFAULT) -> None:
    """Publish a new key; it signs once verifiers had time to fetch it, the old one verifies on."""
    with opened(config) as (_, store):
        _show(store.keys.rotate(clock()))


def _show(keyring: Keyring) -> None:
    now = clock()
    rows = [
        (key.kid, f"{key.created_at:%Y-%m-%d %H:%M}", _state(key, keyring))
        for key in keyring.signing
    ]
    show(("key", "made", "state"), rows, {"key"})
    typer.echo(f"signing now: {keyring.current(now).kid}")


def _state(key: SigningKey, keyring: Keyring) -> str:
    now = clock()
    if key is keyring.current(now):
        return "signs"
    if key.retired_at is not None:
        until = key.retired_at + OVERLAP
        return f"verifies until {until:%Y-%m-%d %H:%M}" if now < until else "no longer accepted"
    return f"signs from {key.active_from:%H:%M:%S} on" if now < key.active_from else "verifies"
