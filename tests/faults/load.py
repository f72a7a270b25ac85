"""People with sessions who do not stop asking while something is broken."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from lychgate.core.urls import AUTH_COOKIE
from tests.support.catalogue import Catalogue
from tests.support.front import Reply, request_bytes

PEOPLE = tuple(f"{name}@staff.example" for name in ("ann", "ben", "cem", "dan", "eva", "fay"))


@dataclass
class Load:
    """What they got: by target, what was answered."""

    catalogue: Catalogue
    front: str
    answers: dict[str, Reply] = field(default_factory=dict)

    def statuses(self, since: int = 0) -> list[int]:
        """The statuses so far, oldest first."""
        return [reply.status for reply in list(self.answers.values())[since:]]

    def nothing_slipped_through(self) -> bool:
        """Whether the origin got exactly what was answered with 200."""
        reached = {seen.target for seen in self.catalogue.log.read()}
        allowed = {target for target, reply in self.answers.items() if reply.status == 200}
        return reached == allowed

    def follow(self, number: int, token: str, stop: threading.Event) -> None:
        """One person asks again and again, each time for something else."""
        cookie = (("Cookie", f"{AUTH_COOKIE}={token}"),)
        for round in count():
            if stop.is_set():
                return
            target = f"/{number}/{round}"
            data = request_bytes("GET", target, "a.example", cookie)
            self.answers[target] = self.catalogue.fronts[self.front].send_raw(data, 30)


@contextmanager
def under_load(catalogue: Catalogue, front: str) -> Iterator[Load]:
    """Six people who do not stop asking."""
    tokens = [catalogue.token(email, "ROOT") for email in PEOPLE]
    catalogue.log.clear()
    load, stop = Load(catalogue, front), threading.Event()
    threads = [
        threading.Thread(target=load.follow, args=(number, token, stop))
        for number, token in enumerate(tokens)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
