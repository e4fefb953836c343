from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.database_alarms import CacheAlarms, DatabaseAlarms
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-17")

TOPIC = Ref("TopicArn")
NODES = [Ref("FirstNode"), Ref("SecondNode")]


@pytest.fixture
def parameters():
    return [
        Parameter(name, Type="String", Description=name) for name in ("TopicArn", "Cluster", "FirstNode", "SecondNode")
    ]


def database(**given):
    return DatabaseAlarms(
        "Database", cluster=Ref("Cluster"), topic=TOPIC, **{"max_connections": 400, "memory_gib": 4, **given}
    )


def alarms(stack):
    return {name: resource["Properties"] for name, resource in to_dict(stack)["Resources"].items()}


def test_logical_ids_are_a_promise():
    assert [alarm.title for alarm in database(serverless=True).resources()] == [
        "DatabaseCpuAlarm",
        "DatabaseConnectionsAlarm",
        "DatabaseMemoryAlarm",
        "DatabaseCapacityAlarm",
    ]
    assert [alarm.title for alarm in CacheAlarms("Cache", nodes=NODES, topic=TOPIC).resources()] == [
        "CacheEvictionsAlarm",
        "CacheCpuAlarm",
        "CacheMemoryAlarm",
    ]


@pytest.mark.parametrize("serverless", [False, True])
@pytest.mark.parametrize("nodes", [NODES[:1], NODES])
def test_no_linter_finds_anything(stack_of, findings, parameters, serverless, nodes):
    cache = CacheAlarms("Cache", nodes=nodes, topic=TOPIC)
    used = parameters if len(nodes) > 1 else parameters[:-1]
    assert findings(stack_of(used, database(serverless=serverless), cache)) == []


def test_cpu_is_looked_at_three_times_as_the_document_has_it(stack_of):
    cpu = alarms(stack_of(database()))["DatabaseCpuAlarm"]
    assert (cpu["Namespace"], cpu["MetricName"], cpu["Statistic"]) == ("AWS/RDS", "CPUUtilization", "Average")
    assert (cpu["ComparisonOperator"], cpu["Threshold"]) == ("GreaterThanThreshold", 80)
    assert (cpu["Period"], cpu["EvaluationPeriods"], cpu["DatapointsToAlarm"]) == (300, 3, 3)


@pytest.mark.parametrize("role", ["WRITER", "READER"])
def test_a_role_of_the_cluster_is_watched_and_no_instance(stack_of, role):
    for alarm in alarms(stack_of(database(role=role, serverless=True))).values():
        assert alarm["Dimensions"] == [
            {"Name": "DBClusterIdentifier", "Value": {"Ref": "Cluster"}},
            {"Name": "Role", "Value": role},
        ]


def test_limits_are_shares_of_what_the_database_has(stack_of):
    made = alarms(stack_of(database(max_connections=1000, memory_gib=16)))
    assert made["DatabaseConnectionsAlarm"]["Threshold"] == 800
    assert made["DatabaseMemoryAlarm"]["Threshold"] == 858993459
    assert made["DatabaseMemoryAlarm"]["ComparisonOperator"] == "LessThanThreshold"


def test_capacity_is_watched_where_there_is_a_most(stack_of):
    assert "DatabaseCapacityAlarm" not in alarms(stack_of(database()))
    assert alarms(stack_of(database(serverless=True)))["DatabaseCapacityAlarm"]["MetricName"] == "ACUUtilization"


@pytest.mark.parametrize(("metric", "how"), [("Evictions", "SUM"), ("Cpu", "MAX"), ("Memory", "MAX")])
def test_all_nodes_of_a_cache_are_watched_together(stack_of, metric, how):
    result, *parts = alarms(stack_of(CacheAlarms("Cache", nodes=NODES, topic=TOPIC)))[f"Cache{metric}Alarm"]["Metrics"]
    assert result["Expression"] == f"{how}([part_1, part_2])"
    assert [part["ReturnData"] for part in (result, *parts)] == [True, False, False]
    assert [part["MetricStat"]["Metric"]["Dimensions"] for part in parts] == [
        [{"Name": "CacheClusterId", "Value": {"Ref": "FirstNode"}}],
        [{"Name": "CacheClusterId", "Value": {"Ref": "SecondNode"}}],
    ]


def test_every_alarm_says_what_to_do_and_is_heard(stack_of):
    cache = CacheAlarms("Cache", nodes=NODES[:1], topic=TOPIC)
    for alarm in alarms(stack_of(database(serverless=True), cache)).values():
        assert len(alarm["AlarmDescription"].split(". ")) >= 2
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "TopicArn"}]


@pytest.mark.parametrize("given", [{"max_connections": 0}, {"memory_gib": 0}])
def test_a_database_without_size_is_refused(given):
    with pytest.raises(SettingsError, match="give what an instance of the cluster has"):
        database(**given)


@pytest.mark.parametrize("count", [0, 10])
def test_a_cache_with_more_nodes_than_an_alarm_takes_is_refused(count):
    with pytest.raises(SettingsError, match=f"Cache: {count} nodes; an alarm watches 1 to 9"):
        CacheAlarms("Cache", nodes=[Ref("FirstNode")] * count, topic=TOPIC)
