from __future__ import annotations

import pytest

from blueprints.access.connections import connect
from blueprints.components.postgres import Database, Postgres
from blueprints.model.errors import SettingsError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("CA-11")


@pytest.fixture
def postgres(network):
    return Postgres("Recipes", network=network, keep=False)


def test_logical_ids_are_a_promise(network):
    assert [part.title for part in Postgres("Recipes", network=network, keep=False, readers=1).resources()] == [
        "RecipesSecurityGroup",
        "RecipesSubnetGroup",
        "RecipesParameterGroup",
        "RecipesCluster",
        "RecipesWriter",
        "RecipesReader1",
    ]


@pytest.mark.parametrize("keep", [False, True])
def test_no_linter_finds_anything(stack_of, findings, network, network_parameters, keep):
    postgres = Postgres("Recipes", network=network, keep=keep, readers=int(keep))
    stack = stack_of(network_parameters, postgres, keep_data=keep)
    postgres.publish(stack)
    assert findings(stack) == []


def test_it_grows_and_shrinks_between_two_capacities(stack_of, properties_of, network):
    postgres = Postgres("Recipes", network=network, keep=False, minimum_acu=1, maximum_acu=8)
    stack = stack_of(postgres)
    assert properties_of(stack, "RecipesCluster")["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 1,
        "MaxCapacity": 8,
    }
    assert properties_of(stack, "RecipesWriter")["DBInstanceClass"] == "db.serverless"


def test_nobody_writes_its_password_down(stack_of, properties_of, postgres):
    cluster = properties_of(stack_of(postgres), "RecipesCluster")
    assert cluster["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster
    assert cluster["EnableIAMDatabaseAuthentication"] is True


def test_it_is_encrypted_and_refuses_plain_connections(stack_of, properties_of, postgres):
    stack = stack_of(postgres)
    assert properties_of(stack, "RecipesCluster")["StorageEncrypted"] is True
    assert properties_of(stack, "RecipesCluster")["DBClusterParameterGroupName"] == {"Ref": "RecipesParameterGroup"}
    group = properties_of(stack, "RecipesParameterGroup")
    assert (group["Family"], group["Parameters"]) == ("aurora-postgresql16", {"rds.force_ssl": "1"})


def test_it_stands_in_private_subnets_without_a_public_address(stack_of, properties_of, postgres):
    stack = stack_of(postgres)
    assert properties_of(stack, "RecipesSubnetGroup")["SubnetIds"] == {"Ref": "PrivateSubnetIds"}
    assert properties_of(stack, "RecipesWriter")["PubliclyAccessible"] is False


def test_nobody_reaches_it_but_who_is_connected(stack_of, network, postgres):
    caller = Postgres("Caller", network=network, keep=False)
    resources = to_dict(stack_of(postgres, caller, connect(caller, postgres)))["Resources"]
    assert "SecurityGroupIngress" not in resources["RecipesSecurityGroup"]["Properties"]
    assert resources["CallerToRecipesIngress"]["Properties"]["FromPort"] == 5432


def test_data_to_keep_is_protected_and_leaves_a_snapshot(stack_of, network):
    stack = stack_of(Postgres("Recipes", network=network, keep=True, backup_days=14), keep_data=True)
    resources = to_dict(stack)["Resources"]
    assert resources["RecipesCluster"]["Properties"]["DeletionProtection"] is True
    assert resources["RecipesCluster"]["Properties"]["BackupRetentionPeriod"] == 14
    assert resources["RecipesCluster"]["DeletionPolicy"] == "Snapshot"
    assert stack.retained == ["RecipesCluster"]


def test_an_instance_leaves_nothing_behind(stack_of, network):
    resources = to_dict(stack_of(Postgres("Recipes", network=network, keep=True), keep_data=True))["Resources"]
    writer = resources["RecipesWriter"]
    assert (writer["DeletionPolicy"], writer["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_its_version_is_the_templates_alone(stack_of, properties_of, postgres):
    stack = stack_of(postgres)
    assert properties_of(stack, "RecipesCluster")["EngineVersion"].startswith("16.")
    assert properties_of(stack, "RecipesWriter")["AutoMinorVersionUpgrade"] is False
    assert (
        properties_of(stack, "RecipesCluster")["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    )


def test_a_task_reads_one_key_of_the_secret(postgres):
    secret = "${RecipesCluster.MasterUserSecret.SecretArn}"
    assert postgres.server.password_source.to_dict() == {"Fn::Sub": f"{secret}:password::"}
    assert postgres.server.username_source.to_dict() == {"Fn::Sub": f"{secret}:username::"}
    assert (postgres.server.database, postgres.server.port) == ("recipes", 5432)


def test_another_stack_reads_it_from_outputs(stack_of, postgres):
    producer = stack_of(postgres)
    postgres.publish(producer)
    consumer = Stack("api", Settings(project="sample"), description="Consumer", arch="Reads")
    database = Database.from_stack(consumer, producer, "Recipes")
    assert (database.name, database.database, database.port) == ("Recipes", "recipes", 5432)
    names = [
        getattr(database, field).to_dict()["Fn::GetStackOutput"]["OutputName"]
        for field in ("security_group_id", "host", "secret_arn", "username_source", "password_source")
    ]
    assert names == [
        "RecipesSecurityGroupId",
        "RecipesHost",
        "RecipesSecretArn",
        "RecipesUsernameSource",
        "RecipesPasswordSource",
    ]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"minimum_acu": 4, "maximum_acu": 2}, "0.5 to 256, in halves"),
        ({"minimum_acu": 0}, "0.5 to 256, in halves"),
        ({"minimum_acu": 0.7}, "0.5 to 256, in halves"),
        ({"maximum_acu": 512}, "0.5 to 256, in halves"),
        ({"backup_days": 0}, "1 to 35 days"),
        ({"readers": 16}, "0 to 15"),
        ({"database": "my-recipes"}, "a letter first"),
    ],
)
def test_what_aurora_does_not_take_is_refused(network, setting, message):
    with pytest.raises(SettingsError, match=message):
        Postgres("Recipes", network=network, keep=False, **setting)
