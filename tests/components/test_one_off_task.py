from __future__ import annotations

import pytest
from troposphere import Parameter, Ref

from blueprints.access import grants
from blueprints.access.connections import Peer, connect, reach_https
from blueprints.components.container import Container
from blueprints.components.network import Network
from blueprints.components.one_off_task import OneOffTaskDefinition
from blueprints.components.secret import SecretValue
from blueprints.components.task_size import TaskSize
from blueprints.model.errors import SettingsError
from blueprints.model.steps import OneOffTask, OutputOf
from blueprints.render.template import to_dict
from tests.support.service import service

pytestmark = pytest.mark.row("WB-07")

PARAMETERS = [
    Parameter("DatabaseUrlArn", Type="String", Description="ARN of a secret"),
    Parameter("DatabaseGroup", Type="AWS::EC2::SecurityGroup::Id", Description="Security group of the database"),
]
CLUSTER = OutputOf("platform", "ClusterName")


def migration(stack, *, network=None, **changes):
    container = Container(
        "migration",
        "nginx:1",
        environment={"LOG_LEVEL": "INFO"},
        secrets={"DATABASE_URL": SecretValue(Ref("DatabaseUrlArn"))},
        command=("alembic", "upgrade", "head"),
    )
    task = stack.add(
        OneOffTaskDefinition(
            "Migration",
            network=network or Network.existing(stack, egress="nat", holds=["tasks"]),
            container=container,
            repository="web-backend",
            size=TaskSize.ask(stack, cpu=256, memory=512),
            log_retention_days=14,
            **changes,
        )
    )
    stack.add([*connect(task, Peer("Database", Ref("DatabaseGroup"), 5432)), reach_https(task)])
    task.publish(stack)
    return task


@pytest.fixture
def stack(stack_of):
    return stack_of(*PARAMETERS)


def test_logical_ids_and_outputs_are_a_promise(stack):
    task = migration(stack)
    assert [resource.title for resource in task.resources()] == [
        "MigrationSecurityGroup",
        "MigrationLogGroup",
        "MigrationExecutionRole",
        "MigrationTaskRole",
        "MigrationTaskDefinition",
    ]
    assert {name: output["Value"] for name, output in to_dict(stack)["Outputs"].items()} == {
        "MigrationTaskDefinitionArn": {"Ref": "MigrationTaskDefinition"},
        "MigrationSecurityGroupId": {"Fn::GetAtt": ["MigrationSecurityGroup", "GroupId"]},
        "MigrationLogGroupName": {"Ref": "MigrationLogGroup"},
        "MigrationTaskDefinitions": {
            "Fn::Sub": [
                "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:${Family}:*",
                {"Family": {"Fn::Select": [5, {"Fn::Split": [":", {"Ref": "MigrationTaskDefinition"}]}]}},
            ]
        },
        "MigrationExecutionRoleArn": {"Fn::GetAtt": ["MigrationExecutionRole", "Arn"]},
        "MigrationTaskRoleArn": {"Fn::GetAtt": ["MigrationTaskRole", "Arn"]},
        "MigrationLogGroupArn": {"Fn::GetAtt": ["MigrationLogGroup", "Arn"]},
        "MigrationSubnetIds": {"Fn::Join": [",", {"Ref": "PrivateSubnetIds"}]},
    }


@pytest.mark.parametrize("changes", [{}, {"arm": True, "may": [grants.open_shell()]}], ids=["plain", "arm"])
def test_no_linter_finds_anything(stack, findings, changes):
    migration(stack, **changes)
    assert findings(stack) == []


def test_its_container_runs_the_command_and_listens_nowhere(stack, properties_of):
    migration(stack)
    (container,) = properties_of(stack, "MigrationTaskDefinition")["ContainerDefinitions"]
    assert container["Command"] == ["alembic", "upgrade", "head"]
    assert container["Secrets"] == [{"Name": "DATABASE_URL", "ValueFrom": {"Ref": "DatabaseUrlArn"}}]
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert not {"PortMappings", "HealthCheck"} & container.keys()


def test_it_is_the_task_of_a_service_in_everything_but_its_container(stack, stack_of, properties_of):
    migration(stack)
    ours, of_service = (
        properties_of(made, f"{name}TaskDefinition")
        for made, name in ((stack, "Migration"), (service(stack_of()).stack, "Api"))
    )
    same = ("RequiresCompatibilities", "NetworkMode", "Cpu", "Memory", "RuntimePlatform")
    assert {name: ours[name] for name in same} == {name: of_service[name] for name in same}
    assert ours.keys() == of_service.keys()


@pytest.mark.row("WB-05")
def test_ecs_reads_its_secret_alone_and_the_application_may_do_nothing(stack, properties_of):
    migration(stack)
    (policy,) = properties_of(stack, "MigrationExecutionRole")["Policies"]
    statements = {each["Sid"]: each["Resource"] for each in policy["PolicyDocument"]["Statement"]}
    assert statements["ReadSecrets"] == [{"Ref": "DatabaseUrlArn"}]
    assert "Policies" not in properties_of(stack, "MigrationTaskRole")


def test_it_reaches_the_database_and_https_and_nobody_reaches_it(stack):
    migration(stack)
    ours = {"Fn::GetAtt": ["MigrationSecurityGroup", "GroupId"]}
    resources = to_dict(stack)["Resources"].values()
    out = [
        each["Properties"]["ToPort"]
        for each in resources
        if each["Type"] == "AWS::EC2::SecurityGroupEgress" and each["Properties"]["GroupId"] == ours
    ]
    into = [each for each in resources if each["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert sorted(out) == [443, 5432]
    assert all(each["Properties"]["GroupId"] != ours for each in into)


# The step of a deployment


def test_a_deployment_is_told_where_it_runs(stack):
    subnets = (OutputOf("network", "PrivateSubnet1"), OutputOf("network", "PrivateSubnet2"))
    assert migration(stack).step("migration", stack, cluster=CLUSTER, subnets=subnets) == OneOffTask(
        name="migration",
        container="migration",
        cluster=CLUSTER,
        task_definition=OutputOf("service", "MigrationTaskDefinitionArn"),
        subnets=subnets,
        security_group=OutputOf("service", "MigrationSecurityGroupId"),
        log_group=OutputOf("service", "MigrationLogGroupName"),
    )


def test_subnets_that_are_a_parameter_are_read_from_its_own_stack(stack):
    step = migration(stack).step("migration", stack, cluster=CLUSTER)
    assert step.subnets == (OutputOf("service", "MigrationSubnetIds"),)


def test_a_task_whose_only_way_out_is_an_address_of_its_own_gets_one(stack):
    network = Network.existing(stack, egress="public", holds=["tasks"])
    assert migration(stack, network=network).step("migration", stack, cluster=CLUSTER).public_address


def test_subnets_of_another_stack_have_to_be_named(stack):
    network = Network("vpc-1", [], ["subnet-1"])
    with pytest.raises(SettingsError, match="Migration: name the outputs of its subnets; stack service has no output"):
        migration(stack, network=network).step("migration", stack, cluster=CLUSTER)


def test_a_container_that_listens_is_no_one_off_task(stack):
    with pytest.raises(SettingsError, match="one that listens on port 8000 does not end; leave the port out, or make"):
        OneOffTaskDefinition(
            "Migration",
            network=Network("vpc-1", [], []),
            container=Container("api", "nginx:1", 8000),
            repository="web-backend",
            size=TaskSize.ask(stack, cpu=256, memory=512),
        )


def test_a_service_needs_a_port(stack_of):
    with pytest.raises(SettingsError, match="container api: a service is reached on a port"):
        service(stack_of(), runs=Container("api", "nginx:1"))
