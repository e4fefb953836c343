from __future__ import annotations

import pytest
from troposphere import GetAtt, Parameter, Ref

from blueprints.components.backup import Backup
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
