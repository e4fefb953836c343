"""Alarms on a database that stands on one instance of RDS."""

from __future__ import annotations

from typing import Any

from troposphere import cloudwatch

from blueprints.components.alarms import metric_alarm
from blueprints.components.database_alarms import (
    DATABASE,
    GIB,
    few_bytes,
    little_memory,
    many_connections,
    much_used,
)
from blueprints.model.component import Component
from blueprints.model.errors import SettingsError


class InstanceAlarms(Component):
    """Alarms of an instance that is no member of a cluster.

    What is watched is what AWS recommends of RDS for PostgreSQL (Amazon CloudWatch User Guide, "Recommended alarms"),
    and the credits of burstable classes. After a failover of MultiAZ the identifier is the same.

    Args:
        name: first part of the logical ids.
        instance: the instance's identifier (its Ref).
        topic: ARN of the topic that hears when an alarm goes off and when it is over.
        max_connections: what the database takes, or a careful estimate; no attribute of an instance has the number.
        memory_gib: memory of the instance class.
        storage_gib: what was allocated at first.
        burstable: whether the class has CPU credits. T3 and T4g are Unlimited in RDS: without credits they go on and
            cost more, so what is charged is watched and not what is left, which begins at nothing.
        cpu_percent: CPU, on average over five minutes, three times in a row; AWS recommends 90.
        connections_percent: share of *max_connections*, at most in five minutes, twice in a row.
        free_memory_percent: share of the memory that stays free; 25 is AWS's ideal, for which 1 GiB is small, so
            10 is ours.
        free_storage_percent: share of *storage_gib* that stays free; AWS recommends 10. RDS enlarges storage when a
            tenth has been left for five minutes, so after 15 it could not.

    Raises:
        SettingsError: a number of which no limit can be made.

    """

    def __init__(  # noqa: PLR0913 - each is a limit of its own
        self,
        name: str,
        *,
        instance: Any,
        topic: Any,
        max_connections: int,
        memory_gib: float,
        storage_gib: int,
        burstable: bool = True,
        cpu_percent: float = 90,
        connections_percent: float = 80,
        free_memory_percent: float = 10,
        free_storage_percent: float = 10,
    ) -> None:
        if max_connections < 1 or memory_gib <= 0 or storage_gib < 1:
            raise SettingsError(
                f"{name}: max_connections is {max_connections}, memory_gib {memory_gib:g} and storage_gib "
                f"{storage_gib}; give what the instance has"
            )
        self._name, self._topic, self._over = name, topic, [{"DBInstanceIdentifier": instance}]
        watched: dict[str, Any] = {"over": self._over, "topic": topic}
        advice = "Look for slow queries, then choose a larger instance"
        self.cpu = much_used(f"{name}CpuAlarm", "CPUUtilization", cpu_percent, advice=advice, **watched)
        self.connections = many_connections(
            f"{name}ConnectionsAlarm",
            max_connections,
            connections_percent,
            pools="processes times their pools",
            **watched,
        )
        self.memory = little_memory(f"{name}MemoryAlarm", memory_gib, free_memory_percent, **watched)
        self.storage = few_bytes(
            f"{name}StorageAlarm",
            "FreeStorageSpace",
            storage_gib * GIB * free_storage_percent / 100,
            f"Less than {free_storage_percent:g} percent of {storage_gib} GiB was free for 15 minutes, so RDS did not "
            "enlarge the storage. Raise the maximum, or look for what fills it: a full database stops",
            **watched,
        )
        self.credits = self._credits() if burstable else None

    def _credits(self) -> cloudwatch.Alarm:
        return metric_alarm(
            f"{self._name}CreditsAlarm",
            description="The database needed more CPU than its class earns in a day, and AWS charges for it. "
            "Look for slow queries, then choose a larger class or one that is not burstable",
            namespace=DATABASE,
            metric="CPUSurplusCreditsCharged",
            over=self._over,
            topic=self._topic,
            threshold=0,
            statistic="Sum",
            minutes=60,
            missing="notBreaching",
        )
