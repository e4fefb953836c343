"""What an architect decides about an Elastic Beanstalk environment: instances, the way in, how it is run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from blueprints.access.connections import ANYWHERE, HTTPS
from blueprints.components.bucket import AccessLogBucket
from blueprints.model.errors import SettingsError

Deployment = Literal["rolling", "immutable", "traffic-splitting"]

# nginx takes requests there, on every instance.
HOST_PORT = 80

# aws:elasticbeanstalk:cloudwatch:logs, RetentionInDays.
RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1827, 3653)
# aws:elasticbeanstalk:command, Timeout.
MOST_COMMAND_SECONDS = 3600
# A family with g behind its generation is Graviton (Amazon EC2 instance types, "Naming conventions").
INSTANCE_TYPE = re.compile(r"[a-z]+\d+[a-z-]*\.[a-z0-9-]+")
GRAVITON = re.compile(r"[a-z]+\d+g[a-z-]*\.")
WINDOW = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun):([01]\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True)
class Capacity:
    """Which instances run, and how many.

    Args:
        instance_type: what they are; a Graviton type takes an image for linux/arm64.
        minimum: how many there are at least.
        maximum: how many there are at most.
        target_cpu: percent of CPU; above it for five minutes an instance is added, below half of it one is removed.
        volume_gib: the root volume, 10 to 16,384 GiB; it holds the images too.

    Raises:
        SettingsError: a number is out of its bounds, or no instance type is called that.
    """

    instance_type: str = "t3.small"
    minimum: int = 1
    maximum: int = 4
    target_cpu: int = 60
    volume_gib: int = 20

    def __post_init__(self) -> None:
        if not INSTANCE_TYPE.fullmatch(self.instance_type):
            raise SettingsError(f"instance_type is {self.instance_type!r}; give a family and a size, such as t3.small")
        if not 1 <= self.minimum <= self.maximum:
            raise SettingsError(
                f"instances: minimum {self.minimum}, maximum {self.maximum}; give at least one, and no lower maximum"
            )
        if not 10 <= self.target_cpu <= 90:  # noqa: PLR2004 - below and above, one of the two triggers is always on
            raise SettingsError(f"target_cpu is {self.target_cpu}; give 10 to 90 percent")
        if not 10 <= self.volume_gib <= 16384:  # noqa: PLR2004 - aws:autoscaling:launchconfiguration, RootVolumeSize
            raise SettingsError(f"volume_gib is {self.volume_gib}; Elastic Beanstalk takes 10 to 16384")

    @property
    def architecture(self) -> str:
        """What the image has to be built for."""
        return "arm64" if GRAVITON.match(self.instance_type) else "x86_64"


@dataclass(frozen=True)
class Entrance:
    """Who may come in, and how.

    Args:
        certificate: ARN of a certificate; with one, HTTPS alone listens, because no option makes a listener redirect.
        clients: the IPv4 range that may connect.
        prefix_list: id of CloudFront's managed prefix list, whose addresses may connect instead of *clients*.
        access_logs: a bucket for the load balancer's access logs, of this stack or by name; None keeps none.

    Raises:
        SettingsError: both *clients* and *prefix_list* are given.
    """

    certificate: Any | None = None
    clients: Any = ANYWHERE
    prefix_list: Any | None = None
    access_logs: AccessLogBucket | Any | None = None

    def __post_init__(self) -> None:
        if self.prefix_list is not None and self.clients != ANYWHERE:
            raise SettingsError(
                f"clients is {self.clients} and there is a prefix list as well; give one: who may connect is "
                "a range of your own, or CloudFront"
            )

    @property
    def port(self) -> int:
        """The one port that is open."""
        return HOST_PORT if self.certificate is None else HTTPS

    @property
    def log_bucket(self) -> Any | None:
        """The name of the bucket for access logs."""
        return self.access_logs.bucket.ref() if isinstance(self.access_logs, AccessLogBucket) else self.access_logs


@dataclass(frozen=True)
class Operations:
    """How versions and platforms come, and how long logs stay.

    Args:
        deployment: how a version reaches the instances.
        command_seconds: how long that may take on one, with pull and migration, 1 to 3,600.
        update_window: when managed updates of the platform may begin, in UTC, such as ``Sun:03:00``; None has none.
        log_retention_days: days that logs stay.
        keep_logs: leave Elastic Beanstalk's log groups when the environment goes.

    Raises:
        SettingsError: Elastic Beanstalk does not take a value.
    """

    deployment: Deployment = "rolling"
    command_seconds: int = 1200
    update_window: str | None = "Sun:03:00"
    log_retention_days: int = 30
    keep_logs: bool = False

    def __post_init__(self) -> None:
        if self.log_retention_days not in RETENTION_DAYS:
            allowed = ", ".join(map(str, RETENTION_DAYS))
            raise SettingsError(f"log_retention_days is {self.log_retention_days}; Elastic Beanstalk takes {allowed}")
        if self.update_window is not None and not WINDOW.fullmatch(self.update_window):
            raise SettingsError(
                f"update_window is {self.update_window!r}; give day, hour and minute in UTC, such as Sun:03:00"
            )
        if not 1 <= self.command_seconds <= MOST_COMMAND_SECONDS:
            raise SettingsError(
                f"command_seconds is {self.command_seconds}; Elastic Beanstalk takes 1 to {MOST_COMMAND_SECONDS}"
            )
