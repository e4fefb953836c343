"""Alarms on what a service stands on: an Aurora cluster, and a cache on ElastiCache."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from troposphere import cloudwatch

from blueprints.components.alarms import metric_alarm
from blueprints.model.component import Component
from blueprints.model.errors import SettingsError

DATABASE = "AWS/RDS"
CACHE = "AWS/ElastiCache"

Role = Literal["WRITER", "READER"]

GIB = 1024**3

# Metric math of one alarm takes ten metrics (PutMetricAlarm, Metrics).
MOST_NODES = 9


class DatabaseAlarms(Component):
    """Alarms of an Aurora cluster.

    They watch a role, as AWS advises: instances change roles (Amazon Aurora User Guide, "Creating CloudWatch alarms to
    monitor Amazon Aurora"), and an average with a reader that has nothing to do hides a writer that has too much.

    Args:
        name: first part of the logical ids.
        cluster: the cluster's identifier (its Ref).
        topic: ARN of the topic that hears when an alarm goes off and when it is over.
        max_connections: what the database takes: its parameter max_connections, which follows from the instance class
            where nobody sets it. No attribute of a cluster has the number.
        memory_gib: memory of an instance; of a serverless one at its most capacity, 2 GiB a unit, because
            FreeableMemory is counted from there (Amazon Aurora User Guide, Aurora Serverless v2).
        role: whose instances are watched.
        serverless: also watch how near the cluster is to the most capacity that it may grow to.
        cpu_percent: CPU, on average over five minutes, three times in a row.
        connections_percent: share of *max_connections*, at most in five minutes, twice in a row.
        free_memory_percent: share of the memory that stays free; AWS recommends 5 for Aurora (Amazon CloudWatch User
            Guide, "Recommended alarms").
        capacity_percent: share of the most capacity, three times five minutes in a row.

    Raises:
        SettingsError: a number of which no limit can be made.

    """

    def __init__(  # noqa: PLR0913 - each is a limit of its own
        self,
        name: str,
        *,
        cluster: Any,
        topic: Any,
        max_connections: int,
        memory_gib: float,
        role: Role = "WRITER",
        serverless: bool = False,
        cpu_percent: float = 80,
        connections_percent: float = 80,
        free_memory_percent: float = 5,
        capacity_percent: float = 90,
    ) -> None:
        if max_connections < 1 or memory_gib <= 0:
            raise SettingsError(
                f"{name}: max_connections is {max_connections} and memory_gib {memory_gib:g}; give what an instance of "
                "the cluster has"
            )
        self._name, self._topic = name, topic
        self._over = [{"DBClusterIdentifier": cluster, "Role": role}]
        self.cpu = self._percent(
            "Cpu", "CPUUtilization", cpu_percent, "Look for slow queries, then choose a larger instance"
        )
        self.connections = many_connections(
            f"{name}ConnectionsAlarm",
            max_connections,
            connections_percent,
            over=self._over,
            topic=topic,
            pools="tasks times the size of their pools",
        )
        self.memory = little_memory(f"{name}MemoryAlarm", memory_gib, free_memory_percent, over=self._over, topic=topic)
        self.capacity = (
            self._percent(
                "Capacity",
                "ACUUtilization",
                capacity_percent,
                "The database cannot grow much further: look for slow queries, then allow more capacity",
            )
            if serverless
            else None
        )

    def _percent(self, kind: str, metric: str, percent: float, advice: str) -> cloudwatch.Alarm:
        return much_used(f"{self._name}{kind}Alarm", metric, percent, over=self._over, topic=self._topic, advice=advice)


def much_used(  # noqa: PLR0913 - what tells one alarm from another
    title: str, metric: str, percent: float, *, over: Sequence[Mapping[str, Any]], topic: Any, advice: str
) -> cloudwatch.Alarm:
    """A share of what a database has was above a limit, on average, for 15 minutes."""
    return metric_alarm(
        title,
        description=f"{metric} of the database was above {percent:g} percent for 15 minutes. {advice}",
        namespace=DATABASE,
        metric=metric,
        over=over,
        topic=topic,
        threshold=percent,
        periods=3,
    )


def many_connections(  # noqa: PLR0913 - what tells one alarm from another
    title: str, most: int, percent: float, *, over: Sequence[Mapping[str, Any]], topic: Any, pools: str
) -> cloudwatch.Alarm:
    """More than a share of the connections that a database takes are open; *pools* says what has to stay below."""
    limit = most * percent / 100
    return metric_alarm(
        title,
        description=f"More than {limit:g} of {most} connections to the database are open, and what comes after the "
        f"last is refused. Look for connections that nobody closes; {pools} stay below",
        namespace=DATABASE,
        metric="DatabaseConnections",
        over=over,
        topic=topic,
        threshold=limit,
        statistic="Maximum",
        periods=2,
    )


def little_memory(
    title: str, gib: float, percent: float, *, over: Sequence[Mapping[str, Any]], topic: Any
) -> cloudwatch.Alarm:
    """Less than a share of a database's memory was free for 15 minutes."""
    words = (
        f"Less than {percent:g} percent of the database's memory was free for 15 minutes. "
        "Look for queries that sort or hash much and for idle connections, then choose a larger instance"
    )
    return few_bytes(title, "FreeableMemory", gib * GIB * percent / 100, words, over=over, topic=topic)


def few_bytes(  # noqa: PLR0913 - what tells one alarm from another
    title: str, metric: str, least: float, description: str, *, over: Sequence[Mapping[str, Any]], topic: Any
) -> cloudwatch.Alarm:
    """A metric of a database that counts free bytes was below *least* of them for 15 minutes."""
    return metric_alarm(
        title,
        description=description,
        namespace=DATABASE,
        metric=metric,
        over=over,
        topic=topic,
        threshold=round(least),
        comparison="LessThanThreshold",
        periods=3,
    )


class CacheAlarms(Component):
    """Alarms of a cache on ElastiCache, over all of its nodes.

    "Each metric is calculated at the cache node level" (Amazon ElastiCache User Guide, "Metrics for Valkey and Redis
    OSS"), so a node's own id is the dimension.

    Args:
        name: first part of the logical ids.
        nodes: the CacheClusterId of each node: the replication group's id with -001, -002 and so on.
        topic: ARN of the topic that hears when an alarm goes off and when it is over.
        evictions: entries that were thrown out before their time, in five minutes.
        cpu_percent: of the one thread that answers (EngineCPUUtilization); ElastiCache recommends 90 at most.
        memory_percent: share of the memory for data that is taken.

    Raises:
        SettingsError: no node, or more than one alarm can add up.

    """

    def __init__(  # noqa: PLR0913 - each is a limit of its own
        self,
        name: str,
        *,
        nodes: Sequence[Any],
        topic: Any,
        evictions: int = 100,
        cpu_percent: float = 90,
        memory_percent: float = 85,
    ) -> None:
        if not 1 <= len(nodes) <= MOST_NODES:
            raise SettingsError(f"{name}: {len(nodes)} nodes; an alarm watches 1 to {MOST_NODES}")
        self._name, self._topic = name, topic
        self._over = [{"CacheClusterId": node} for node in nodes]
        self.evictions = metric_alarm(
            f"{name}EvictionsAlarm",
            description=f"The cache threw out more than {evictions} entries in five minutes to make room. "
            "Choose larger nodes, or let entries expire sooner",
            namespace=CACHE,
            metric="Evictions",
            over=self._over,
            topic=topic,
            threshold=evictions,
            statistic="Sum",
            together="SUM",
        )
        self.cpu = self._percent(
            "Cpu", "EngineCPUUtilization", cpu_percent, "Look for slow commands, then choose larger nodes"
        )
        self.memory = self._percent(
            "Memory",
            "DatabaseMemoryUsagePercentage",
            memory_percent,
            "Look for entries without an expiry, then choose larger nodes",
        )

    def _percent(self, kind: str, metric: str, percent: float, advice: str) -> cloudwatch.Alarm:
        return metric_alarm(
            f"{self._name}{kind}Alarm",
            description=f"{metric} of the cache was above {percent:g} percent for 15 minutes. {advice}",
            namespace=CACHE,
            metric=metric,
            over=self._over,
            topic=self._topic,
            threshold=percent,
            periods=3,
        )
