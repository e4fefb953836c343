"""Waiting for CloudFormation with polls of our own: the CLI's waiters fall over a throttled call and print 'Status'."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from blueprints.deploy.errors import TRANSIENT
from blueprints.model.errors import DeployError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# A wait of an hour must survive a network that is gone for a moment.
_TRIES = 5


@dataclass(frozen=True)
class Clock:
    """Time as an argument: how it is read, how it passes, how often to look, when to stop looking."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    interval: float = 3.0
    limit: float = 4 * 3600.0

    def until(self, look: Callable[[], T | None], *, waiting_for: str) -> T:
        """Look until there is something to see."""
        end = self.now() + self.limit
        while True:
            seen = self.patiently(look)
            if seen is not None:
                return seen
            if self.now() >= end:
                raise DeployError(
                    f"still waiting for {waiting_for} after {self.limit / 60:.0f} minutes: CloudFormation goes on "
                    "without this program; run the same command again once the stack has come to rest"
                )
            self.sleep(self.interval)

    def patiently(self, look: Callable[[], T]) -> T:
        """Look again when the way to AWS, not the answer, was the trouble. Only for calls that read."""
        for _ in range(_TRIES - 1):
            try:
                return look()
            except TRANSIENT:
                self.sleep(self.interval)
        return look()
