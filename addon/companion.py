"""Whether the companion app answers: asked all the time, so that nobody waits for a stuck one."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from addon.routes import Place, Routes
from lychgate.core.urls import CERTS, team_host
from lychgate.settings import Settings

_EVERY = 0.5
_PATIENCE = 3.0
"""Seconds for one answer."""
_MISSES = 2
"""Questions without an answer after which it counts as stuck."""


@dataclass(slots=True)
class Companion:
    """Asks for a page that is answered from memory. One never asked counts as answering."""

    place: Place
    host: str
    _missed: int = 0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The companion app of an installation."""
        return cls(Routes.of(settings).companion, team_host(settings.team))

    @property
    def answers(self) -> bool:
        """Whether it is worth handing a request over."""
        return self._missed < _MISSES

    async def watch(self, when_stuck: Callable[[], None]) -> None:
        """Ask again and again, until cancelled; say so each time there was no answer twice."""
        while True:
            self._missed = 0 if await self._asked() else self._missed + 1
            if not self.answers:
                when_stuck()
            await asyncio.sleep(_EVERY)

    async def _asked(self) -> bool:
        lines = (f"GET {CERTS} HTTP/1.1", f"Host: {self.host}", "User-Agent: lychgate/health")
        question = "\r\n".join((*lines, "Connection: close", "", ""))
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(self.place.host, self.place.port)
                try:
                    writer.write(question.encode())
                    return b" 200 " in await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False
