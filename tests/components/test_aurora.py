from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files

import pytest
from cfnlint.data.schemas.extensions import aws_rds_dbcluster
from troposphere import Ref

from blueprints.access.connections import connect
from blueprints.components.aurora import MINOR_VERSIONS, Aurora, Backups, ServerlessCapacity
from blueprints.components.aurora_parameters import DATABASE_PARAMETERS, LEFT_TO_AURORA, DatabaseParameter
from blueprints.components.aurora_server import AuroraServer
from blueprints.model.errors import SettingsError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-03")


@pytest.fixture
def aurora(network):
    """The documented production cluster."""
    return Aurora(
        "Database",
        network=network,
        keep=True,
        database="mealprep",
        user="mealprepadmin",
        secret_name="prod/mealprep/db-credentials",
        instance_class="db.r6g.large",
        readers=1,
        zones=3,
        backups=Backups(days=30),
        identifier="mealprep-prod-cluster",
    )


@pytest.fixture
def pausing(network):
    """A cluster for variable load, whose password RDS makes."""
    return Aurora(
        "Database", network=network, keep=False, serverless=ServerlessCapacity(0, 4), master_secret="managed", readers=1
    )


def test_logical_ids_are_a_promise(aurora):
    assert [part.title for part in aurora.resources()] == [
        "DatabaseEngineVersion",
        "DatabaseSecurityGroup",
        "DatabaseSubnetGroup",
        "DatabaseParameterGroup",
        "DatabaseLogGroup",
        "DatabaseSecret",
        "DatabaseCluster",
        "DatabaseSecretAttachment",
        "DatabaseConnectionString",
        "DatabaseWriter",
        "DatabaseReader1",
    ]


@pytest.mark.parametrize("kind", ["aurora", "pausing"])
def test_no_linter_finds_anything(request, stack_of, findings, network_parameters, kind):
    cluster = request.getfixturevalue(kind)
    stack = stack_of(network_parameters, cluster, keep_data=kind == "aurora")
    cluster.publish(stack)
    assert findings(stack) == []


def test_every_version_that_can_be_chosen_can_be_made():
    creatable = _versions("engine_version.json", "then") - _versions("engine_version_deprecated.json", "if")
    assert creatable.issuperset(MINOR_VERSIONS)
    assert "15.4" not in creatable  # the document's


def _versions(file: str, part: str) -> set[str]:
    """Versions of Aurora PostgreSQL as cfn-lint carries them from DescribeDBEngineVersions."""
    text = files(aws_rds_dbcluster).joinpath(file).read_text(encoding="utf-8")
    rules = [rule for rule in json.loads(text)["allOf"] if "EngineVersion" in rule[part]["properties"]]
    engines = [rule for rule in rules if rule["if"]["properties"]["Engine"].get("const") == "aurora-postgresql"]
    assert len(engines) == 1
    return set(engines[0][part]["properties"]["EngineVersion"]["enum"])


def test_the_newest_version_is_the_default_and_nothing_upgrades_behind_the_template(stack_of, aurora):
    template = to_dict(stack_of(aurora))
    parameter = template["Parameters"]["DatabaseEngineVersion"]
    assert parameter["Default"] == parameter["AllowedValues"][-1] == "15.19"
    cluster = template["Resources"]["DatabaseCluster"]["Properties"]
    assert cluster["EngineVersion"] == {"Ref": "DatabaseEngineVersion"}
    assert cluster["EngineLifecycleSupport"] == "open-source-rds-extended-support-disabled"
    assert template["Resources"]["DatabaseWriter"]["Properties"]["AutoMinorVersionUpgrade"] is False


def test_writer_and_reader_stand_in_different_zones_and_the_writer_comes_first(stack_of, aurora):
    resources = to_dict(stack_of(aurora))["Resources"]
    writer, reader = resources["DatabaseWriter"], resources["DatabaseReader1"]
    assert writer["Properties"]["DBInstanceClass"] == reader["Properties"]["DBInstanceClass"] == "db.r6g.large"
    assert writer["Properties"]["AvailabilityZone"] == {"Fn::Select": [0, {"Fn::GetAZs": ""}]}
    assert reader["Properties"]["AvailabilityZone"] == {"Fn::Select": [1, {"Fn::GetAZs": ""}]}
    assert reader["DependsOn"] == ["DatabaseWriter"]


def test_a_fourth_instance_shares_a_zone_with_the_first(stack_of, properties_of, network):
    stack = stack_of(Aurora("Database", network=network, keep=False, readers=3, zones=3))
    zones = [
        properties_of(stack, f"DatabaseReader{number}")["AvailabilityZone"]["Fn::Select"][0] for number in (1, 2, 3)
    ]
    assert zones == [1, 2, 0]


def test_in_a_network_that_was_there_before_aurora_chooses_the_zones(stack_of, properties_of, pausing):
    assert "AvailabilityZone" not in properties_of(stack_of(pausing), "DatabaseWriter")


def test_it_stands_in_subnets_of_its_own_where_the_network_has_some(stack_of, properties_of, network):
    own = replace(network, data_subnets=Ref("DataSubnetIds"))
    stack = stack_of(Aurora("Own", network=own, keep=False), Aurora("Other", network=network, keep=False))
    assert properties_of(stack, "OwnSubnetGroup")["SubnetIds"] == {"Ref": "DataSubnetIds"}
    assert properties_of(stack, "OtherSubnetGroup")["SubnetIds"] == {"Ref": "PrivateSubnetIds"}
    assert properties_of(stack, "OwnWriter")["PubliclyAccessible"] is False


def test_it_is_encrypted_backed_up_and_watched(stack_of, properties_of, aurora):
    cluster = properties_of(stack_of(aurora), "DatabaseCluster")
    assert cluster["StorageEncrypted"] is True
    assert cluster["BackupRetentionPeriod"] == 30
    assert (cluster["PreferredBackupWindow"], cluster["PreferredMaintenanceWindow"]) == (
        "03:00-04:00",
        "sun:04:00-sun:05:00",
    )
    assert cluster["CopyTagsToSnapshot"] is True
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    assert (cluster["DatabaseInsightsMode"], cluster["PerformanceInsightsEnabled"]) == ("standard", True)
    assert cluster["PerformanceInsightsRetentionPeriod"] == 7


def test_its_log_has_a_retention_and_a_group_before_rds_makes_one(stack_of, aurora, pausing):
    resources = to_dict(stack_of(aurora))["Resources"]
    cluster = resources["DatabaseCluster"]
    assert cluster["Properties"]["EnableCloudwatchLogsExports"] == ["postgresql"]
    assert cluster["DependsOn"] == ["DatabaseLogGroup"]
    name = f"/aws/rds/cluster/{cluster['Properties']['DBClusterIdentifier']}/postgresql"
    assert resources["DatabaseLogGroup"]["Properties"]["LogGroupName"] == name
    assert resources["DatabaseLogGroup"]["Properties"]["RetentionInDays"] == 30
    assert "DatabaseLogGroup" not in to_dict(stack_of(pausing))["Resources"]


def test_kept_data_is_protected_and_leaves_a_snapshot_of_the_cluster_alone(stack_of, aurora):
    resources = to_dict(stack_of(aurora, keep_data=True))["Resources"]
    assert resources["DatabaseCluster"]["Properties"]["DeletionProtection"] is True
    assert resources["DatabaseCluster"]["DeletionPolicy"] == "Snapshot"
    assert {resources[instance]["DeletionPolicy"] for instance in ("DatabaseWriter", "DatabaseReader1")} == {"Delete"}


def test_nobody_reaches_it_but_who_is_connected(stack_of, network, aurora):
    caller = Aurora("Caller", network=network, keep=False)
    resources = to_dict(stack_of(aurora, caller, connect(caller, aurora)))["Resources"]
    assert "SecurityGroupIngress" not in resources["DatabaseSecurityGroup"]["Properties"]
    assert resources["CallerToDatabaseIngress"]["Properties"]["FromPort"] == 5432


def test_the_master_secret_has_the_documented_name_and_a_password_that_needs_no_quotes(stack_of, properties_of, aurora):
    stack = stack_of(aurora)
    secret = properties_of(stack, "DatabaseSecret")
    assert secret["Name"] == "prod/mealprep/db-credentials"
    assert secret["GenerateSecretString"] == {
        "SecretStringTemplate": '{"username": "mealprepadmin"}',
        "GenerateStringKey": "password",
        "PasswordLength": 40,
        "ExcludePunctuation": True,
    }
    cluster = properties_of(stack, "DatabaseCluster")
    assert cluster["MasterUsername"] == "mealprepadmin"
    assert cluster["MasterUserPassword"] == {
        "Fn::Sub": "{{resolve:secretsmanager:${DatabaseSecret}:SecretString:password}}"
    }
    assert "ManageMasterUserPassword" not in cluster


def test_the_secret_learns_its_host_before_anyone_reads_it(stack_of, properties_of, aurora):
    attachment = properties_of(stack_of(aurora), "DatabaseSecretAttachment")
    assert attachment == {
        "SecretId": {"Ref": "DatabaseSecret"},
        "TargetId": {"Ref": "DatabaseCluster"},
        "TargetType": "AWS::RDS::DBCluster",
    }
    writer = aurora.server.writer
    assert writer.secret_arn.to_dict() == {"Ref": "DatabaseSecretAttachment"}
    assert writer.password_source.to_dict() == {"Fn::Sub": "${DatabaseSecretAttachment}:password::"}
    assert aurora.connection.value_of("host").to_dict() == {"Fn::Sub": "${DatabaseSecretAttachment}:host::"}


def test_net_reads_one_connection_string(stack_of, properties_of, network):
    cluster = Aurora("Database", network=network, keep=False, database="mealprep", user="mealprepadmin", pool_size=15)
    assert properties_of(stack_of(cluster), "DatabaseConnectionString")["SecretString"] == {
        "Fn::Sub": "Host=${DatabaseCluster.Endpoint.Address};Port=5432;Database=mealprep;Username=mealprepadmin;"
        "Password={{resolve:secretsmanager:${DatabaseSecretAttachment}:SecretString:password}};"
        "SSL Mode=Require;Maximum Pool Size=15"
    }


def test_a_managed_secret_has_parts_and_no_connection_string(stack_of, properties_of, pausing):
    stack = stack_of(pausing)
    cluster = properties_of(stack, "DatabaseCluster")
    assert cluster["ManageMasterUserPassword"] is True
    assert "MasterUserPassword" not in cluster
    assert pausing.server.connection_string is None
    assert pausing.server.password.source.to_dict() == {
        "Fn::Sub": "${DatabaseCluster.MasterUserSecret.SecretArn}:password::"
    }


@pytest.mark.row("MP-05")
def test_serverless_grows_with_its_load_and_pauses_without_any(stack_of, properties_of, network, pausing):
    stack = stack_of(pausing)
    assert properties_of(stack, "DatabaseCluster")["ServerlessV2ScalingConfiguration"] == {
        "MinCapacity": 0,
        "MaxCapacity": 4,
        "SecondsUntilAutoPause": 300,
    }
    assert properties_of(stack, "DatabaseReader1")["DBInstanceClass"] == "db.serverless"
    # A reader of tier 0 or 1 is always as large as the writer.
    assert properties_of(stack, "DatabaseReader1")["PromotionTier"] == 1
    awake = stack_of(Aurora("Database", network=network, keep=False, serverless=ServerlessCapacity(0.5, 8)))
    scaling = properties_of(awake, "DatabaseCluster")["ServerlessV2ScalingConfiguration"]
    assert scaling == {"MinCapacity": 0.5, "MaxCapacity": 8}


@pytest.mark.row("MP-04")
def test_its_parameters_are_in_auroras_units(stack_of, properties_of, aurora):
    group = properties_of(stack_of(aurora), "DatabaseParameterGroup")
    assert group["Family"] == "aurora-postgresql15"
    assert group["Parameters"] == {
        "rds.force_ssl": "1",
        "log_min_duration_statement": "1000",
        "log_statement": "mod",
        "log_parameter_max_length": "0",
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "ALL",
        "work_mem": str(16 * 1024),
        "maintenance_work_mem": str(512 * 1024),
        "max_connections": "200",
        "max_prepared_transactions": "200",
    }


@pytest.mark.row("MP-04")
def test_what_aurora_sizes_itself_is_left_out_and_says_why():
    names = {parameter.name for parameter in DATABASE_PARAMETERS}
    assert LEFT_TO_AURORA.keys() == {"shared_buffers", "effective_cache_size"}
    assert not names & LEFT_TO_AURORA.keys()
    assert all(why.endswith(".") for why in [*LEFT_TO_AURORA.values(), *(each.why for each in DATABASE_PARAMETERS)])
    assert [each.name for each in DATABASE_PARAMETERS if each.static] == [
        "shared_preload_libraries",
        "max_connections",
        "max_prepared_transactions",
    ]


def test_other_parameters_take_the_place_of_ours(stack_of, properties_of, network):
    own = (DatabaseParameter("work_mem", "8192", "Less."),)
    stack = stack_of(Aurora("Database", network=network, keep=False, parameters=own))
    assert properties_of(stack, "DatabaseParameterGroup")["Parameters"] == {"work_mem": "8192"}


def test_another_stack_reads_it_from_outputs(stack_of, aurora):
    producer = stack_of(aurora)
    aurora.publish(producer)
    consumer = Stack("api", Settings(project="sample"), description="Consumer", arch="Reads")
    server = AuroraServer.from_stack(consumer, producer, "Database", database="mealprep")
    read = [server.reader_host, server.cluster_identifier, server.cluster_arn, server.connection_string.readable]
    assert [value.to_dict()["Fn::GetStackOutput"]["OutputName"] for value in read] == [
        "DatabaseReaderHost",
        "DatabaseClusterIdentifier",
        "DatabaseClusterArn",
        "DatabaseConnectionStringArn",
    ]
    assert (server.writer.database, server.writer.port) == ("mealprep", 5432)
    assert server.password.readable.to_dict()["Fn::GetStackOutput"]["OutputName"] == "DatabaseSecretArn"
    assert server.username.source.to_dict()["Fn::GetStackOutput"]["OutputName"] == "DatabaseUsernameSource"
    outputs = to_dict(producer)["Outputs"]
    assert outputs["DatabaseName"]["Value"] == "mealprep"
    assert outputs["DatabasePort"]["Value"] == {"Fn::GetAtt": ["DatabaseCluster", "Endpoint.Port"]}


def test_a_managed_cluster_is_read_without_a_connection_string(stack_of, pausing):
    producer = stack_of(pausing)
    pausing.publish(producer)
    assert "DatabaseConnectionStringArn" not in producer.outputs
    assert AuroraServer.from_stack(stack_of(), producer, "Database", generated=False).connection_string is None


def test_an_alarm_watches_a_role_and_not_an_instance(aurora):
    assert json.loads(json.dumps(aurora.server.dimensions("WRITER"), default=lambda value: value.to_dict())) == {
        "DBClusterIdentifier": {"Ref": "DatabaseCluster"},
        "Role": "WRITER",
    }


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"serverless": ServerlessCapacity(4, 2)}, "0 to 256, in halves"),
        ({"serverless": ServerlessCapacity(0, 2, seconds_until_pause=60)}, "300 to 86400"),
        ({"backups": Backups(days=36)}, "1 to 35 days"),
        ({"readers": 16}, "0 to 15"),
        ({"readers": 1, "zones": 1}, "second zone"),
        ({"user": "admin"}, "reserved"),
        ({"user": "meal_prep_admin"}, "letters and digits"),
        ({"user": "mealprepadministrator"}, "up to 15"),
        ({"identifier": "MealPrep"}, "lower case"),
        ({"identifier": "meal--prep"}, "single dashes"),
        ({"identifier": "m" * 64}, "63 at most"),
        ({"database": "meal-prep"}, "a letter first"),
        ({"master_secret": "managed", "secret_name": "prod/db"}, "leave secret_name"),
        ({"master_secret": "managed", "pool_size": 5}, "no connection string"),
    ],
)
def test_what_aurora_does_not_take_is_refused(network, setting, message):
    with pytest.raises(SettingsError, match=message):
        Aurora("Database", network=network, keep=False, **setting)
