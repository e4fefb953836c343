from __future__ import annotations

import json
import re
from dataclasses import replace
from importlib.resources import files
from typing import get_args

import pytest
from cfnlint.data.schemas.extensions import aws_rds_dbinstance
from troposphere import Ref

from blueprints.access.connections import connect
from blueprints.components.postgres_instance import (
    INSTANCE_MEMORY,
    MINOR_VERSIONS,
    DatabaseClass,
    PostgresInstance,
    is_burstable,
    max_connections,
)
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("WB-05")

REFERENCE = "{{resolve:secretsmanager:${DatabasePassword}:SecretString}}"


@pytest.fixture
def kept(network):
    """A database whose data is kept, for an application that reads DATABASE_URL."""
    return PostgresInstance("Database", network=network, keep=True, database="app", as_url=True, multi_az=True)


@pytest.fixture
def small(network):
    """A database with the defaults, for an application that reads parts."""
    return PostgresInstance("Database", network=network, keep=False, database="app")


def instance_of(stack):
    return to_dict(stack)["Resources"]["DatabaseInstance"]


def test_logical_ids_are_a_promise(kept, small):
    titles = [part.title for part in kept.resources()]
    assert titles == [
        "DatabaseEngineVersion",
        "DatabaseSecurityGroup",
        "DatabaseSubnetGroup",
        "DatabaseParameterGroup",
        "DatabasePassword",
        "DatabaseInstance",
        "DatabaseUrl",
    ]
    assert [part.title for part in small.resources()] == titles[:-1]


@pytest.mark.parametrize("kind", ["kept", "small"])
def test_no_linter_finds_anything(request, stack_of, findings, network_parameters, kind):
    database = request.getfixturevalue(kind)
    stack = stack_of(network_parameters, database, keep_data=kind == "kept")
    database.publish(stack)
    assert findings(stack) == []


def test_every_version_that_can_be_chosen_can_be_made_and_runs_on_every_class():
    creatable = _versions("engine_version.json", "then") - _versions("engine_version_deprecated.json", "if")
    assert creatable.issuperset(MINOR_VERSIONS)
    on_classes = [(rule["if"]["properties"]["EngineVersion"]["pattern"], rule) for rule in _rules("db_instance_class")]
    for version in MINOR_VERSIONS:
        (rule,) = (rule for pattern, rule in on_classes if re.search(pattern, version))
        assert set(rule["then"]["properties"]["DBInstanceClass"]["enum"]).issuperset(get_args(DatabaseClass))


def _versions(file, part):
    (rule,) = _rules(file.removesuffix(".json"))
    return set(rule[part]["properties"]["EngineVersion"]["enum"])


def _rules(name):
    """What cfn-lint carries of the engine from DescribeDBEngineVersions and DescribeOrderableDBInstanceOptions."""
    text = files(aws_rds_dbinstance).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return [rule for rule in json.loads(text)["allOf"] if rule["if"]["properties"]["Engine"].get("const") == "postgres"]


def test_the_newest_version_is_the_default_and_nothing_upgrades_behind_the_template(stack_of, properties_of, small):
    stack = stack_of(small)
    parameter = to_dict(stack)["Parameters"]["DatabaseEngineVersion"]
    assert parameter["Default"] == parameter["AllowedValues"][-1] == "17.11"
    instance = properties_of(stack, "DatabaseInstance")
    assert instance["EngineVersion"] == {"Ref": "DatabaseEngineVersion"}
    assert instance["AutoMinorVersionUpgrade"] is False
    assert properties_of(stack, "DatabaseParameterGroup")["Family"] == "postgres17"


@pytest.mark.row("WB-01")
def test_it_is_the_documented_size_on_storage_that_grows(stack_of, properties_of, small):
    instance = properties_of(stack_of(small), "DatabaseInstance")
    assert (instance["DBInstanceClass"], instance["MultiAZ"]) == ("db.t3.micro", False)
    assert (instance["StorageType"], instance["AllocatedStorage"], instance["MaxAllocatedStorage"]) == (
        "gp3",
        "20",
        100,
    )
    assert not {"Iops", "StorageThroughput"} & instance.keys()


def test_storage_that_stays_as_it_is_has_no_maximum(stack_of, properties_of, network):
    fixed = PostgresInstance(
        "Database", network=network, keep=False, database="app", storage_gib=50, maximum_storage_gib=50
    )
    assert "MaxAllocatedStorage" not in properties_of(stack_of(fixed), "DatabaseInstance")


def test_it_is_encrypted_private_backed_up_and_watched(stack_of, properties_of, small):
    instance = properties_of(stack_of(small), "DatabaseInstance")
    assert (instance["StorageEncrypted"], instance["PubliclyAccessible"]) == (True, False)
    assert (instance["BackupRetentionPeriod"], instance["CopyTagsToSnapshot"]) == (7, True)
    assert instance["EnableCloudwatchLogsExports"] == ["postgresql", "upgrade"]
    assert (instance["EnablePerformanceInsights"], instance["PerformanceInsightsRetentionPeriod"]) == (True, 7)


def test_it_refuses_connections_without_tls_and_keeps_values_out_of_its_log(stack_of, properties_of, small):
    assert properties_of(stack_of(small), "DatabaseParameterGroup")["Parameters"] == {
        "rds.force_ssl": "1",
        "log_min_duration_statement": "1000",
        "log_lock_waits": "1",
        "log_parameter_max_length": "0",
    }


def test_it_stands_in_subnets_of_its_own_where_the_network_has_some(stack_of, properties_of, network, small):
    own = replace(network, data_subnets=Ref("DataSubnetIds"))
    apart = PostgresInstance("Own", network=own, keep=False, database="app")
    stack = stack_of(apart, small)
    assert properties_of(stack, "OwnSubnetGroup")["SubnetIds"] == {"Ref": "DataSubnetIds"}
    assert properties_of(stack, "DatabaseSubnetGroup")["SubnetIds"] == {"Ref": "PrivateSubnetIds"}


def test_kept_data_is_protected_and_leaves_a_snapshot_and_its_backups(stack_of, kept, small):
    stack = stack_of(kept, keep_data=True)
    assert stack.retained == ["DatabaseInstance"]
    instance = instance_of(stack)
    assert (instance["DeletionPolicy"], instance["UpdateReplacePolicy"]) == ("Snapshot", "Snapshot")
    assert instance["Properties"]["DeletionProtection"] is True
    assert instance["Properties"]["DeleteAutomatedBackups"] is False
    other = instance_of(stack_of(small))
    assert (other["DeletionPolicy"], other["Properties"]["DeletionProtection"]) == ("Delete", False)


def test_nobody_reaches_it_but_who_is_connected(stack_of, network, small):
    caller = PostgresInstance("Caller", network=network, keep=False, database="app")
    resources = to_dict(stack_of(small, caller, connect(caller, small)))["Resources"]
    assert "SecurityGroupIngress" not in resources["DatabaseSecurityGroup"]["Properties"]
    assert resources["CallerToDatabaseIngress"]["Properties"]["FromPort"] == 5432


def test_the_password_is_generated_and_the_secrets_whole_value(stack_of, properties_of, small):
    stack = stack_of(small)
    secret = properties_of(stack, "DatabasePassword")
    assert secret["GenerateSecretString"] == {"PasswordLength": 40, "ExcludePunctuation": True}
    assert properties_of(stack, "DatabaseInstance")["MasterUserPassword"] == {"Fn::Sub": REFERENCE}


def test_the_url_verifies_the_servers_certificate(stack_of, properties_of, kept):
    assert properties_of(stack_of(kept), "DatabaseUrl")["SecretString"] == {
        "Fn::Sub": f"postgresql://app:{REFERENCE}@${{DatabaseInstance.Endpoint.Address}}:5432/app"
        "?sslmode=verify-full&sslrootcert=/etc/ssl/certs/rds-global-bundle.pem"
    }


def test_a_new_password_is_another_secret_that_database_and_url_take_over(stack_of, network):
    next_one = PostgresInstance(
        "Database", network=network, keep=True, database="app", as_url=True, password_generation=2
    )
    stack = stack_of(next_one, keep_data=True)
    resources = to_dict(stack)["Resources"]
    assert {"DatabasePassword2", "DatabaseUrl2"} <= resources.keys()
    assert not {"DatabasePassword", "DatabaseUrl"} & resources.keys()
    newer = REFERENCE.replace("DatabasePassword", "DatabasePassword2")
    assert resources["DatabaseInstance"]["Properties"]["MasterUserPassword"] == {"Fn::Sub": newer}
    assert newer in resources["DatabaseUrl2"]["Properties"]["SecretString"]["Fn::Sub"]
    # A protected stack has to be able to drop the old ones.
    assert {resources[each]["DeletionPolicy"] for each in ("DatabasePassword2", "DatabaseUrl2")} == {"Delete"}
    assert not {"DatabasePassword2", "DatabaseUrl2"} & set(stack.retained)


def test_outputs_of_a_new_password_have_other_names_so_that_its_readers_change_too(network, stack_of):
    database = PostgresInstance(
        "Database", network=network, keep=True, database="app", as_url=True, password_generation=2
    )
    producer = stack_of(database)
    database.publish(producer)
    assert {"DatabasePassword2Arn", "DatabaseUrl2Arn"} < producer.outputs.keys()


@pytest.mark.parametrize("kind", ["kept", "small"])
def test_other_stacks_find_host_group_and_secrets(request, stack_of, kind):
    database = request.getfixturevalue(kind)
    producer = stack_of(database)
    database.publish(producer)
    values = {name: output["Value"] for name, output in to_dict(producer)["Outputs"].items()}
    url = {"DatabaseUrlArn": {"Ref": "DatabaseUrl"}} if kind == "kept" else {}
    assert values == url | {
        "DatabaseSecurityGroupId": {"Fn::GetAtt": ["DatabaseSecurityGroup", "GroupId"]},
        "DatabaseHost": {"Fn::GetAtt": ["DatabaseInstance", "Endpoint.Address"]},
        "DatabaseIdentifier": {"Ref": "DatabaseInstance"},
        "DatabasePasswordArn": {"Ref": "DatabasePassword"},
    }


def test_no_class_is_said_to_take_more_connections_than_it_does():
    assert INSTANCE_MEMORY.keys() == set(get_args(DatabaseClass))
    assert [max_connections(each) for each in INSTANCE_MEMORY] == [70, 70, 179, 398, 834]
    assert max_connections("db.t4g.small") < 181  # as read on one
    assert [each for each in INSTANCE_MEMORY if not is_burstable(each)] == ["db.m7g.large"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"instance_class": "db.t2.micro"}, "choose one of db.t3.micro"),
        ({"storage_gib": 10}, "20 to 65536 GiB"),
        ({"storage_gib": 100, "maximum_storage_gib": 105}, "a tenth more than storage_gib, 100"),
        ({"maximum_storage_gib": 10}, "or 20 for storage that stays"),
        ({"backup_days": 0}, "RDS keeps 1 to 35 days"),
        ({"backup_days": 36}, "RDS keeps 1 to 35 days"),
        ({"password_generation": 0}, "the first is 1"),
        ({"user": "user"}, "keeps to itself"),
        ({"user": "rdsadmin"}, "keeps to itself"),
        ({"user": "pg_owner"}, "keeps to itself"),
        ({"user": "application_owner"}, "up to 15"),
        ({"user": "App"}, "all lower case"),
        ({"database": "db"}, "a word that RDS reserves"),
        ({"database": "grant"}, "a word that RDS reserves"),
        ({"database": "web-backend"}, "a letter first"),
    ],
)
def test_what_rds_does_not_take_is_refused(network, setting, message):
    with pytest.raises(SettingsError, match=message):
        PostgresInstance("Database", **{"network": network, "keep": False, "database": "app", **setting})
