"""The external evaluation services in use, each with its keys, kept between logins."""

import threading

from lychgate.core.selectors import Evaluation
from lychgate.idp.evaluation import Evaluator

_MOST = 256


class Evaluations:
    """One evaluator for each pair of URLs; shared between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Evaluation, Evaluator] = {}

    def evaluator(self, urls: Evaluation) -> Evaluator:
        """The evaluator of a pair of URLs."""
        with self._lock:
            if urls not in self._kept and len(self._kept) >= _MOST:
                self._kept.clear()
            return self._kept.setdefault(urls, Evaluator(*urls))
