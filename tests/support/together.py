"""Runs jobs side by side in threads."""

import threading
from collections.abc import Callable, Sequence


def run_together(jobs: Sequence[Callable[[], object]]) -> None:
    """Run all of them at once and wait; the first failure is raised here."""
    failures: list[BaseException] = []

    def run(job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised again in the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
