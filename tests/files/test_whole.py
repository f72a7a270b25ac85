"""An application of a file is whole or has not happened, is quick, and survives any file."""

import os
import pty
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lychgate.store.base import Kind
from tests.files.conftest import Install, Installation, Said
from tests.support.postgres import PostgresServer
from tests.support.scale import scaled

EVERYONE: list[Any] = [{"everyone": {}}]


def many(count: int, prefix: str) -> dict[str, Any]:
    """So many objects: applications, each with a policy of its own section."""
    names = [f"{prefix}{number}" for number in range(count // 2)]
    return {
        "policies": [{"name": n, "decision": "allow", "include": EVERYONE} for n in names],
        "applications": [
            {"name": n, "type": "self_hosted", "domain": f"{n}.example.com", "policies": [n]}
            for n in names
        ],
    }


def test_a_killed_process_leaves_the_old_or_the_new_state(install: Install) -> None:
    there = install()
    files = [there.write(many(200, prefix), f"{prefix}.yaml") for prefix in ("a", "b")]
    old, new = ({one["name"] for one in many(200, prefix)["policies"]} for prefix in ("a", "b"))
    command = [sys.executable, "-m", "tests.files.worker", str(there.config), *map(str, files)]
    for _ in range(scaled(40, least=4)):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as worker:
            assert worker.stdout is not None
            worker.stdout.readline()
            worker.stdout.readline()
            time.sleep(random.uniform(0, 0.2))
            worker.kill()
        for kind in (Kind.POLICY, Kind.APPLICATION):
            assert set(there.names(kind)) in (old, new)
        assert set(there.names(Kind.POLICY)) == set(there.names(Kind.APPLICATION))
        assert {one.revision for one in there.store.objects(Kind.POLICY)} == {
            one.revision for one in there.store.objects(Kind.APPLICATION)
        }


def test_a_thousand_objects_are_applied_in_seconds(install: Install) -> None:
    there = install()
    file = there.write(many(1000, "n"))
    began = time.process_time()
    assert there.lychgate("apply", str(file)).status == 0
    assert time.process_time() - began < 10
    assert len(there.store.objects(Kind.APPLICATION)) == 500
    assert there.lychgate("apply", str(file), "--dry-run").status == 0


def test_postgresql_takes_it_as_well(install: Install) -> None:
    server = PostgresServer()
    try:
        server.start()
        first, second = (install(store=server.database(), master_key_file="key") for _ in "ab")
        assert first.apply(many(10, "n")).status == 0
        assert first.apply(many(10, "n")).out == "no difference\n"
        text = first.lychgate("export").out
        file = second.folder / "exported.yaml"
        file.write_text(text)
        assert second.lychgate("apply", str(file)).status == 0
        assert second.lychgate("export").out == text
        first.store.close()
        second.store.close()
    finally:
        server.close()


HOSTILE = {
    "a tag": ("x: !!python/object/apply:os.system [ls]", "tags such as"),
    "an alias that multiplies": (
        "\n".join(
            ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
            + [
                f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]"
                for level in range(1, 9)
            ]
        ),
        "aliases repeat too much",
    ),
    "a key twice": ("tags: [{name: t}]\ntags: [{name: u}]", "the key `tags` is there twice"),
    "not a number": ("keys: {key_rotation_interval_days: .nan}", "must be a whole number"),
    "a number without end": ("keys: {key_rotation_interval_days: 1e400}", "must be a whole number"),
    "a deep hole": ("[" * 5000, "nested too deeply"),
    "a list for an object": ("[]", "resources must be an object"),
    "an object for a list": ("tags: {a: b}", "tags must be a list"),
    "nothing of a name": ("policies: [null, 3, {}]", "must be an object"),
    "an id that is none": ("groups: [{id: ../../x, name: g}]", "id is not fit to be one"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_in_words(install: Install, text: str, expected: str) -> None:
    there = install()
    revision = there.store.revision()
    said = there.apply(text)
    assert said.status == 1 and expected in said.err and "resources.yaml:" in said.err
    assert there.store.revision() == revision


def test_a_file_that_is_too_large_is_not_read(install: Install) -> None:
    there = install()
    file = there.folder / "huge.yaml"
    with file.open("wb") as huge:
        huge.truncate(65 * 1024 * 1024)
    said = there.lychgate("apply", str(file))
    assert said.status == 1 and "is too large" in said.err
    said = there.lychgate("apply", str(there.folder / "none.yaml"))
    assert said.status == 1 and "cannot read" in said.err


def test_texts_of_a_file_do_not_write_on_the_terminal(install: Install) -> None:
    there = install()
    said = there.apply('tags: [{name: "a\\x9b31mred\\u202eb"}]')
    assert said.status == 0 and "\x9b" not in said.out and "\u202e" not in said.out


def on_a_terminal(there: Installation, answer: str, *words: str) -> Said:
    """A command whose input and output are a terminal."""
    mine, theirs = pty.openpty()
    command = [sys.executable, "-m", "lychgate", *words, "--config", str(there.config)]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}
    ) as process:
        os.close(theirs)
        os.write(mine, answer.encode())
        out = b""
        try:
            while piece := os.read(mine, 4096):
                out += piece
        except OSError:  # the other end was closed
            pass
    os.close(mine)
    return Said(process.returncode, out.decode(), "")


def test_on_a_terminal_deletions_are_asked_about(install: Install) -> None:
    there = install()
    there.apply({"tags": [{"name": "t"}, {"name": "u"}]})
    file = str(there.write({"tags": [{"name": "t"}]}))
    said = on_a_terminal(there, "n\n", "apply", file, "--prune")
    assert said.status == 1 and "Delete 1, as listed?" in said.out
    assert "nothing was changed" in said.out and "\x1b[" in said.out
    assert there.names(Kind.TAG) == ["t", "u"]
    said = on_a_terminal(there, "y\n", "apply", file, "--prune")
    assert said.status == 0 and "applied" in said.out
    assert there.names(Kind.TAG) == ["t"]


def test_a_file_may_come_from_standard_input(install: Install) -> None:
    there = install()
    command = [sys.executable, "-m", "lychgate", "apply", "-", "--config", str(there.config)]
    done = subprocess.run(
        command, input="resources: {tags: [{name: t}]}", capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and there.names(Kind.TAG) == ["t"]
    done = subprocess.run(command, input="x: y", capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "-:1: only `resources`" in done.stderr


def test_a_folder_without_permission_is_an_error_in_words(install: Install, tmp_path: Path) -> None:
    there = install()
    said = there.lychgate("export", str(tmp_path / "none" / "x.yaml"))
    assert said.status == 1 and "cannot be written" in said.err
