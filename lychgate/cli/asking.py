"""`lychgate explain`: how requests would be decided, and why."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from lychgate.cli.options import DEFAULT, Config
from lychgate.cli.tables import show
from lychgate.clock import clock
from lychgate.config import load, records
from lychgate.core.keys import Keyring
from lychgate.core.revocations import Revocations
from lychgate.core.snapshot import Snapshot, compile_snapshot
from lychgate.core.zerohop import unfit
from lychgate.errors import LychgateError
from lychgate.explain import Answer, Unreadable, question
from lychgate.explain import explain as answer_to
from lychgate.geo import Countries

_MAX_LINE = 1_000_000


def explain(
    url: Annotated[str | None, typer.Argument(help="The URL asked for.")] = None,
    config: Config = DEFAULT,
    who: Annotated[str | None, typer.Option("--as", help="Email of somebody logged in.")] = None,
    idp: Annotated[str | None, typer.Option(help="Identity provider they used.")] = None,
    groups: Annotated[
        list[str] | None, typer.Option("--group", help="A group of theirs at the provider.")
    ] = None,
    ip: Annotated[str | None, typer.Option(help="Client address.")] = None,
    country: Annotated[str | None, typer.Option(help="Two-letter country.")] = None,
    method: Annotated[str, typer.Option(help="HTTP method.")] = "GET",
    service_token: Annotated[str | None, typer.Option(help="Name of a service token.")] = None,
    linked_app: Annotated[
        str | None, typer.Option(help="Application whose token is presented.")
    ] = None,
    requests: Annotated[
        Path | None, typer.Option(help="Judge every line of this JSON Lines file.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
    zero_hop: Annotated[
        bool, typer.Option("--zero-hop", help="List what Envoy may prove alone, and what not.")
    ] = False,
) -> None:
    """Say how a request would be decided: every policy and rule, what it saw, what it said."""
    if [url is not None, requests is not None, zero_hop].count(True) != 1:
        raise LychgateError("say what is asked for", "lychgate explain URL, or --requests FILE")
    if who is None and (idp is not None or groups):
        raise LychgateError("a provider and groups are somebody's", "say whose, with --as EMAIL")
    snapshot, countries, proving = _installation(config)
    if zero_hop:
        _list_zero_hop(snapshot, as_json=as_json)
        return
    if requests is not None:
        raise typer.Exit(_judge_file(requests, snapshot, countries))
    line: dict[str, Any] = {"url": url, "method": method, "ip": ip, "country": country}
    line |= {"service_token": service_token, "linked_app": linked_app}
    if who is not None:
        line["identity"] = {"email": who, "idp": idp, "groups": groups or []}
    answer = _judge(line, snapshot, countries)
    if as_json:
        typer.echo(json.dumps(answer.members()))
    else:
        console = Console(highlight=False)
        console.print(_tree(answer))
        if proving and answer.application is not None:
            console.print(_prover(answer.application, snapshot), soft_wrap=True)


def _installation(config: Path) -> tuple[Snapshot, Countries, bool]:
    """What requests are judged by, and whether Envoy may prove any by itself."""
    loaded = load(config)
    settings = loaded.settings
    countries = Countries.open(settings.country_database)
    compiled = compile_snapshot(
        records(loaded), settings.setting, Keyring((), ()), Revocations(), 0, clock()
    )
    return compiled, countries, bool(settings.zero_hop.listen)


def _judge(line: object, snapshot: Snapshot, countries: Countries) -> Answer:
    return answer_to(question(line, snapshot, countries.country), snapshot)


def _judge_file(path: Path, snapshot: Snapshot, countries: Countries) -> int:
    """Answer line by line; status 2 when a line could not be read."""
    status = 0
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LychgateError(f"`{path}` cannot be read: {error.strerror}") from None
    for text in content.split(b"\n"):
        if not text.strip():
            continue
        try:
            members = _judge(_parsed(text), snapshot, countries).members()
        except Unreadable as error:
            members, status = {"error": error.message}, 2
        sys.stdout.write(json.dumps(members) + "\n")
    return status


def _parsed(text: bytes) -> object:
    if len(text) > _MAX_LINE:
        raise Unreadable("the line is too long")
    try:
        parsed: object = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Unreadable("the line is not JSON") from None
    return parsed


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


def _list_zero_hop(snapshot: Snapshot, *, as_json: bool) -> None:
    rows = [(app.app.name, unfit(app, snapshot)) for app in snapshot.apps.values()]
    rows.sort()
    if as_json:
        for name, reason in rows:
            typer.echo(json.dumps({"application": name, "zero_hop": reason is None, "why": reason}))
    else:
        said = [(name, "no" if reason else "yes", reason or "") for name, reason in rows]
        show(("application", "zero-hop", "why not"), said, {"application"})


def _prover(name: str, snapshot: Snapshot) -> str:
    app = next(one for one in snapshot.apps.values() if one.app.name == name)
    reason = unfit(app, snapshot)
    return (
        f"zero-hop: the server is asked about every request ({reason})"
        if reason
        else "zero-hop: Envoy proves those with a session by itself"
    )


_COLOURS = {"allow": "green", "bypass": "yellow", "service_auth": "green", "login": "cyan"}


def _tree(answer: Answer) -> Tree:
    colour = _COLOURS.get(answer.decision, "red")
    policy = f", by policy {escape(answer.policy)}" if answer.policy else ""
    title = (
        f"[bold {colour}]{answer.decision}[/] at {escape(answer.application or 'no application')}"
    )
    tree = Tree(f"{title}{policy} ({answer.reason})")
    for step in answer.trace:
        name = escape(step["policy"])
        branch = tree.add(f"{name} [dim]{step['action']}[/dim]: {step['outcome']}")
        _add_rules(branch, step["rules"])
    return tree


def _add_rules(tree: Tree, rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        text = escape(json.dumps(rule["rule"]))
        saw = escape(str(rule["saw"]))
        branch = tree.add(f"{rule['part']} {text}: {rule['says']} [dim](saw {saw})[/dim]")
        _add_rules(branch, rule.get("inside", []))
