from __future__ import annotations

import pytest
from troposphere import Ref

from blueprints.access.connections import connect
from blueprints.components.cache import Cache, CacheNodes, CacheServer
from blueprints.model.errors import SettingsError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("CA-12")


def test_logical_ids_are_a_promise(network):
    assert [resource.title for resource in Cache("Answers", network=network, keep=False).resources()] == [
        "AnswersSecurityGroup",
        "AnswersSubnetGroup",
        "AnswersAuthToken",
        "AnswersReplicationGroup",
    ]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, network, network_parameters, keep):
    cache = Cache("Answers", network=network, keep=keep, replicas=int(keep))
    stack = stack_of(network_parameters, cache, keep_data=keep)
    cache.publish(stack)
    assert findings(stack) == []


def test_it_speaks_tls_only_and_is_encrypted_at_rest(stack_of, properties_of, network):
    properties = properties_of(stack_of(Cache("Answers", network=network, keep=False)), "AnswersReplicationGroup")
    assert (properties["Engine"], properties["EngineVersion"]) == ("valkey", "8.2")
    assert properties["TransitEncryptionEnabled"] is True
    assert properties["TransitEncryptionMode"] == "required"
    assert properties["AtRestEncryptionEnabled"] is True


def test_the_template_holds_no_token_but_where_it_is_read(stack_of, properties_of, network):
    stack = stack_of(Cache("Answers", network=network, keep=False))
    properties = properties_of(stack, "AnswersReplicationGroup")
    assert properties["AuthToken"] == {"Fn::Sub": "{{resolve:secretsmanager:${AnswersAuthToken}:SecretString}}"}
    generated = properties_of(stack, "AnswersAuthToken")["GenerateSecretString"]
    assert generated == {"PasswordLength": 64, "ExcludePunctuation": True}


def test_it_stands_in_private_subnets(stack_of, properties_of, network):
    stack = stack_of(Cache("Answers", network=network, keep=False))
    assert properties_of(stack, "AnswersSubnetGroup")["SubnetIds"] == {"Ref": "PrivateSubnetIds"}


def test_nobody_reaches_it_but_who_is_connected(stack_of, network):
    cache = Cache("Answers", network=network, keep=False)
    caller = Cache("Caller", network=network, keep=False)
    resources = to_dict(stack_of(cache, caller, connect(caller, cache)))["Resources"]
    assert "SecurityGroupIngress" not in resources["AnswersSecurityGroup"]["Properties"]
    ingress = resources["CallerToAnswersIngress"]["Properties"]
    assert (ingress["FromPort"], ingress["ToPort"]) == (6379, 6379)
    assert ingress["SourceSecurityGroupId"] == {"Fn::GetAtt": ["CallerSecurityGroup", "GroupId"]}


def test_with_a_replica_it_fails_over(stack_of, properties_of, network):
    alone = properties_of(stack_of(Cache("Answers", network=network, keep=False)), "AnswersReplicationGroup")
    pair = properties_of(stack_of(Cache("Answers", network=network, keep=False, replicas=1)), "AnswersReplicationGroup")
    assert (alone["NumCacheClusters"], alone["AutomaticFailoverEnabled"], alone["MultiAZEnabled"]) == (1, False, False)
    assert (pair["NumCacheClusters"], pair["AutomaticFailoverEnabled"], pair["MultiAZEnabled"]) == (2, True, True)


@pytest.mark.parametrize("replicas", [-1, 6])
def test_more_replicas_than_elasticache_takes_are_refused(network, replicas):
    with pytest.raises(SettingsError, match="0 to 5"):
        Cache("Answers", network=network, keep=False, replicas=replicas)


def test_another_stack_reads_it_from_outputs(stack_of, network):
    cache = Cache("Answers", network=network, keep=False)
    producer = stack_of(cache)
    cache.publish(producer)
    consumer = Stack("api", Settings(project="sample"), description="Consumer", arch="Reads")
    server = CacheServer.from_stack(consumer, producer, "Answers")
    assert (server.name, server.port) == ("Answers", 6379)
    assert server.address.to_dict()["Fn::GetStackOutput"]["OutputName"] == "AnswersAddress"
    assert server.auth_token_arn.to_dict()["Fn::GetStackOutput"]["OutputName"] == "AnswersAuthTokenArn"
    assert cache.server == CacheServer("Answers", cache.security_group_id, cache.address, cache.auth_token_arn)


@pytest.mark.row("MP-06")
def test_in_production_a_lost_cache_fails_over_and_starts_warm(stack_of, properties_of, network):
    kept = properties_of(
        stack_of(Cache("Answers", network=network, keep=True, replicas=1), keep_data=True), "AnswersReplicationGroup"
    )
    assert (kept["NumCacheClusters"], kept["AutomaticFailoverEnabled"], kept["MultiAZEnabled"]) == (2, True, True)
    assert (kept["TransitEncryptionEnabled"], kept["AtRestEncryptionEnabled"]) == (True, True)
    assert kept["SnapshotRetentionLimit"] == 7


@pytest.mark.row("MP-06")
def test_snapshots_and_the_size_of_a_node_can_be_chosen(stack_of, properties_of, network):
    cache = Cache("Answers", network=network, keep=False, node_type=Ref("CacheNodeType"), snapshot_days=1)
    group = properties_of(stack_of(cache), "AnswersReplicationGroup")
    assert group["SnapshotRetentionLimit"] == 1
    assert group["CacheNodeType"] == {"Ref": "CacheNodeType"}


@pytest.mark.parametrize("days", [-1, 36])
def test_more_snapshots_than_elasticache_keeps_are_refused(network, days):
    with pytest.raises(SettingsError, match="0 to 35"):
        Cache("Answers", network=network, keep=False, snapshot_days=days)


@pytest.mark.row("MP-06")
def test_an_alarm_names_each_node(stack_of, findings, network, network_parameters):
    cache = Cache("Answers", network=network, keep=False, replicas=1)
    producer = stack_of(network_parameters, cache)
    cache.publish(producer)
    cache.publish_nodes(producer)
    assert findings(producer) == []
    outputs = to_dict(producer)["Outputs"]
    assert outputs["AnswersReplicationGroupId"]["Value"] == {"Ref": "AnswersReplicationGroup"}
    assert outputs["AnswersNode2Id"]["Value"] == {"Fn::Sub": "${AnswersReplicationGroup}-002"}
    nodes = CacheNodes.from_stack(stack_of(), producer, "Answers", replicas=1)
    assert [node.to_dict()["Fn::GetStackOutput"]["OutputName"] for node in nodes.node_ids] == [
        "AnswersNode1Id",
        "AnswersNode2Id",
    ]
    assert nodes.replication_group_id.to_dict()["Fn::GetStackOutput"]["OutputName"] == "AnswersReplicationGroupId"
