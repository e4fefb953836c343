from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.components.replication import Replicas, ReplicatedBucket, SecondaryBucket
from blueprints.model.errors import SettingsError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-22")


@pytest.fixture
def replicas():
    return Replicas(Ref("ReplicaBucketArn"), Ref("ReplicaObjectsArn"))


@pytest.fixture
def arns():
    return [Parameter(name, Type="String", Description=name) for name in ("ReplicaBucketArn", "ReplicaObjectsArn")]


def replicated(replicas, **given):
    return ReplicatedBucket("Backups", why="Dumps.", replicas=replicas, **given)


def rule_of(properties):
    (rule,) = properties["ReplicationConfiguration"]["Rules"]
    return rule


def statements_of(properties):
    return {one["Sid"]: one for one in properties["PolicyDocument"]["Statement"]}


def test_logical_ids_are_a_promise(replicas):
    assert [part.title for part in replicated(replicas).resources()] == [
        "BackupsReplicationRole",
        "BackupsBucket",
        "BackupsBucketPolicy",
        "BackupsReplicationPolicy",
    ]
    assert [part.title for part in SecondaryBucket("Backups", why="Copies.").resources()] == [
        "BackupsBucket",
        "BackupsBucketPolicy",
    ]


@pytest.mark.parametrize(
    "given", [{}, {"replicate_deletes": True, "expire_after_days": 400, "storage_class": "GLACIER_IR"}]
)
def test_no_linter_finds_anything(stack_of, findings, arns, replicas, given):
    assert findings(stack_of(arns, replicated(replicas, **given), keep_data=True)) == []


def test_the_rule_is_of_the_second_version_and_copies_backups_to_infrequent_access(stack_of, properties_of, replicas):
    properties = properties_of(stack_of(replicated(replicas)), "BackupsBucket")
    rule = rule_of(properties)
    assert rule["Filter"] == {"Prefix": "backups/"}
    assert rule["Priority"] == 1
    assert "Prefix" not in rule
    assert rule["Destination"] == {"Bucket": {"Ref": "ReplicaBucketArn"}, "StorageClass": "STANDARD_IA"}
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    assert properties["ReplicationConfiguration"]["Role"] == {"Fn::GetAtt": ["BackupsReplicationRole", "Arn"]}


def test_both_buckets_keep_versions_and_are_private(stack_of, properties_of, replicas):
    for part in (replicated(replicas), SecondaryBucket("Backups", why="Copies.")):
        properties = properties_of(stack_of(part, keep_data=True), "BackupsBucket")
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}


def test_the_role_reads_below_the_prefix_and_writes_replicas_and_nothing_else(stack_of, properties_of, replicas):
    statements = statements_of(properties_of(stack_of(replicated(replicas)), "BackupsReplicationPolicy"))
    assert statements["AskWhatToReplicate"]["Resource"] == [{"Fn::GetAtt": ["BackupsBucket", "Arn"]}]
    assert statements["ReadObjects"]["Resource"] == [{"Fn::Sub": "${BackupsBucket.Arn}/backups/*"}]
    assert statements["WriteReplicas"]["Resource"] == [{"Ref": "ReplicaObjectsArn"}]
    assert statements["WriteReplicas"]["Action"] == ["s3:ReplicateObject", "s3:ReplicateTags"]


def test_deletes_are_replicated_only_where_that_is_asked_for(stack_of, properties_of, replicas):
    stack = stack_of(replicated(replicas, replicate_deletes=True))
    assert rule_of(properties_of(stack, "BackupsBucket"))["DeleteMarkerReplication"] == {"Status": "Enabled"}
    statements = statements_of(properties_of(stack, "BackupsReplicationPolicy"))
    assert "s3:ReplicateDelete" in statements["WriteReplicas"]["Action"]


def test_the_other_region_s_bucket_is_read_from_its_stack(findings):
    settings = Settings(project="sample", region="us-west-2", keep_data=True)
    there = Stack("replica", settings, description="Copies", arch="A bucket", region="us-east-2")
    there.add(SecondaryBucket("Backups", why="Copies.")).publish(there)
    here = Stack("backup", settings, description="Backups", arch="A bucket replicated to another Region")
    here.add(replicated(Replicas.from_stack(here, there, "Backups")))
    made = to_dict(here)["Resources"]
    (write,) = [
        one
        for one in made["BackupsReplicationPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if one["Sid"] == "WriteReplicas"
    ]
    assert write["Resource"][0]["Fn::GetStackOutput"]["Region"] == "us-east-2"
    destination = rule_of(made["BackupsBucket"]["Properties"])["Destination"]["Bucket"]["Fn::GetStackOutput"]
    assert (destination["Region"], destination["OutputName"]) == ("us-east-2", "BackupsBucketArn")
    assert made["BackupsBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert findings(there) == findings(here) == []


@pytest.mark.parametrize("prefix", ["", "backups", "/backups/", "*/"])
def test_a_prefix_that_is_no_folder_is_refused(replicas, prefix):
    with pytest.raises(SettingsError, match="give a folder that ends in a slash"):
        replicated(replicas, prefix=prefix)
