"""cfn-lint over many templates, side by side on the cores there are."""

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from blueprints.checks import cfn_lint
from blueprints.checks.findings import Finding
from blueprints.model.errors import LintError

Other = TypeVar("Other")


@dataclass(frozen=True)
class Job:
    path: Path
    text: str
    regions: tuple[str, ...]


def cores() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def check_all(
    jobs: Sequence[Job], meanwhile: Callable[[], Other], *, processes: int | None = None
) -> tuple[list[list[Finding]], Other]:
    """cfn-lint's findings for each job, and what *meanwhile* gives, which runs here in the meantime."""
    workers = min(processes or cores(), len(jobs))
    if workers < 2:  # noqa: PLR2004
        return [_check(job) for job in jobs], meanwhile()
    # Forked processes have the rules that were loaded before. macOS's own libraries do not survive a fork, and
    # Windows has none.
    method = "fork" if sys.platform == "linux" else "spawn"
    if method == "fork":
        cfn_lint.warm_up(jobs[0].regions)
    with ProcessPoolExecutor(workers, mp_context=get_context(method)) as pool:
        futures = _submit(pool, jobs)
        other = meanwhile()
        try:
            return [future.result() for future in futures], other
        except BrokenProcessPool as error:
            raise LintError(
                "a process of the linter was killed, perhaps for want of memory: lint fewer templates at a time"
            ) from error


def _submit(pool: ProcessPoolExecutor, jobs: Sequence[Job]) -> "list[Future[list[Finding]]]":
    # The longest first, so that no process is left with one alone at the end.
    order = sorted(range(len(jobs)), key=lambda index: -len(jobs[index].text))
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads, which might hold locks. These processes only compute.
        warnings.filterwarnings("ignore", message=".*multi-threaded.*fork", category=DeprecationWarning)
        futures = {index: pool.submit(_check, jobs[index]) for index in order}
    return [futures[index] for index in range(len(jobs))]


def _check(job: Job) -> list[Finding]:
    return cfn_lint.check(job.path, job.text, job.regions)
