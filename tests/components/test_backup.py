from __future__ import annotations

import pytest
from troposphere import GetAtt, Parameter, Ref

from blueprints.components.backup import Backup, Vault
from blueprints.components.bucket import Bucket
from blueprints.components.postgres import Postgres
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("FR-14")


@pytest.fixture
def faces():
    return Bucket("Faces", why="Holds faces.")


@pytest.fixture
def backup():
    return Backup("Faces", resource=GetAtt("FacesBucket", "Arn"), kind="s3", keep=False)


def test_logical_ids_are_a_promise(backup):
    assert [part.title for part in backup.resources()] == [
        "FacesBackupVault",
        "FacesBackupPlan",
        "FacesBackupRole",
        "FacesRestoreRole",
        "FacesBackupSelection",
    ]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything_about_a_bucket(stack_of, findings, faces, keep):
    backup = Backup("Faces", resource=GetAtt("FacesBucket", "Arn"), kind="s3", keep=keep)
    assert findings(stack_of(faces, backup, keep_data=keep)) == []


def test_no_linter_finds_anything_about_a_cluster(stack_of, findings, network, network_parameters):
    postgres = Postgres("Recipes", network=network, keep=False)
    backup = Backup("Recipes", resource=postgres.arn, kind="rds", keep=False)
    assert findings(stack_of(network_parameters, postgres, backup)) == []


def test_a_backup_is_taken_daily_and_kept_for_weeks(stack_of, properties_of, backup):
    (rule,) = properties_of(stack_of(backup), "FacesBackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    assert rule["TargetBackupVault"] == {"Ref": "FacesBackupVault"}


def test_one_resource_is_saved(stack_of, properties_of, backup):
    selection = properties_of(stack_of(backup), "FacesBackupSelection")["BackupSelection"]
    assert selection["Resources"] == [{"Fn::GetAtt": ["FacesBucket", "Arn"]}]
    assert selection["IamRoleArn"] == {"Fn::GetAtt": ["FacesBackupRole", "Arn"]}


def test_who_saves_cannot_write(stack_of, properties_of, backup):
    stack = stack_of(backup)
    policies = [properties_of(stack, role)["ManagedPolicyArns"] for role in ("FacesBackupRole", "FacesRestoreRole")]
    assert policies == [
        [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSBackupServiceRolePolicyForS3Backup"}],
        [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AWSBackupServiceRolePolicyForS3Restore"}],
    ]


def test_data_to_keep_is_locked_in(stack_of):
    backup = Backup("Faces", resource=Ref("Arn"), kind="s3", keep=True, days=30)
    stack = stack_of(Parameter("Arn", Type="String"), backup, keep_data=True)
    vault = to_dict(stack)["Resources"]["FacesBackupVault"]
    assert vault["Properties"]["LockConfiguration"] == {"MinRetentionDays": 30}
    assert vault["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(("name", "days", "message"), [("F" * 14, 35, "13 characters"), ("Faces", 0, "a day at least")])
def test_what_backup_does_not_take_is_refused(name, days, message):
    with pytest.raises(SettingsError, match=message):
        Backup(name, resource=Ref("Arn"), kind="s3", keep=False, days=days)


@pytest.fixture
def copied():
    return Backup(
        "Recipes",
        resource=Ref("ClusterArn"),
        kind="rds",
        keep=True,
        days=35,
        copy_to=Ref("ReplicaVaultArn"),
        copy_days=90,
    )


@pytest.fixture
def arns():
    return [Parameter(name, Type="String", Description=name) for name in ("ClusterArn", "ReplicaVaultArn")]


@pytest.mark.row("MP-22")
def test_each_recovery_point_of_a_cluster_is_copied_to_another_region_for_its_own_time(
    stack_of, properties_of, findings, copied, arns
):
    stack = stack_of(arns, copied, keep_data=True)
    (rule,) = properties_of(stack, "RecipesBackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["CopyActions"] == [
        {"DestinationBackupVaultArn": {"Ref": "ReplicaVaultArn"}, "Lifecycle": {"DeleteAfterDays": 90}}
    ]
    assert rule["Lifecycle"] == {"DeleteAfterDays": 35}
    assert findings(stack) == []


@pytest.mark.row("MP-22")
def test_a_copy_is_kept_as_long_as_its_original_when_nothing_else_is_said(stack_of, properties_of, arns):
    copied = Backup(
        "Recipes", resource=Ref("ClusterArn"), kind="rds", keep=False, days=7, copy_to=Ref("ReplicaVaultArn")
    )
    (rule,) = properties_of(stack_of(arns, copied), "RecipesBackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert rule["CopyActions"][0]["Lifecycle"] == {"DeleteAfterDays": 7}


def test_without_a_vault_elsewhere_nothing_is_copied(stack_of, properties_of, backup):
    (rule,) = properties_of(stack_of(backup), "FacesBackupPlan")["BackupPlan"]["BackupPlanRule"]
    assert "CopyActions" not in rule


@pytest.mark.row("MP-22")
@pytest.mark.parametrize("keep", [False, True])
def test_the_vault_of_the_other_region_has_a_key_that_is_kept_with_it(stack_of, findings, keep):
    vault = Vault("Recipes", keep=keep, days=90)
    stack = stack_of(vault, keep_data=keep)
    made = to_dict(stack)["Resources"]
    assert list(made) == ["RecipesBackupKey", "RecipesBackupVault"]
    assert made["RecipesBackupVault"]["Properties"]["EncryptionKeyArn"] == {"Fn::GetAtt": ["RecipesBackupKey", "Arn"]}
    assert vault.arn.to_dict() == {"Fn::GetAtt": ["RecipesBackupVault", "BackupVaultArn"]}
    assert {resource["DeletionPolicy"] for resource in made.values()} == {"RetainExceptOnCreate" if keep else "Delete"}
    assert ("LockConfiguration" in made["RecipesBackupVault"]["Properties"]) is keep
    assert findings(stack) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [({"copy_days": 90}, "there is no copy"), ({"copy_to": Ref("Arn"), "copy_days": 0}, "a copy is kept for a day")],
)
def test_days_of_no_copy_are_refused(given, message):
    with pytest.raises(SettingsError, match=message):
        Backup("Faces", resource=Ref("Arn"), kind="s3", keep=False, **given)
