from __future__ import annotations

import pytest
from troposphere import Parameter, Ref, ecs

from blueprints.access import grants
from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict
from tests.support.service import container, service

pytestmark = [pytest.mark.row("CA-01"), pytest.mark.row("FR-06")]

KEY_ARN = Parameter("ApiKeyArn", Type="String", Description="ARN of a secret")


def test_logical_ids_are_a_promise(stack_of):
    assert [resource.title for resource in service(stack_of()).fargate.resources()] == [
        "ApiSecurityGroup",
        "ApiLogGroup",
        "ApiExecutionRole",
        "ApiTaskRole",
        "ApiTaskDefinition",
        "ApiService",
    ]


VARIANTS = {
    "plain": {},
    "autoscaled-on-arm": {"tasks": None, "arm": True, "capacity": "spot-above-first"},
    "public-with-shell": {"egress": "public", "shell": True, "runs": container(writable=True)},
    "named-on-a-privileged-port": {"named": True, "runs": container(port=80, user=None)},
    "blue-green-on-spot": {"green": True, "capacity": "spot"},
}


@pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS)
def test_no_linter_finds_anything(stack_of, findings, options):
    assert findings(service(stack_of(), **options).stack) == []


def test_secrets_of_both_kinds_lint_clean(stack_of, findings):
    assert findings(service(stack_of(KEY_ARN), runs=secretive()).stack) == []


# What a task is


@pytest.mark.row("FR-03")
def test_a_task_has_the_size_that_is_asked_for_at_deploy_time(stack_of):
    made = service(stack_of()).properties("ApiTaskDefinition")
    assert (made["Cpu"], made["Memory"]) == ({"Ref": "TaskCpu"}, {"Ref": "TaskMemory"})
    assert (made["RequiresCompatibilities"], made["NetworkMode"]) == (["FARGATE"], "awsvpc")


@pytest.mark.parametrize(("arm", "architecture"), [(False, "X86_64"), (True, "ARM64")])
def test_it_runs_on_the_processor_that_its_image_is_built_for(stack_of, arm, architecture):
    made = service(stack_of(), arm=arm).properties("ApiTaskDefinition")
    assert made["RuntimePlatform"] == {"OperatingSystemFamily": "LINUX", "CpuArchitecture": architecture}


@pytest.mark.row("CA-05")
def test_its_log_stays_as_long_as_asked_for(stack_of):
    assert service(stack_of()).properties("ApiLogGroup")["RetentionInDays"] == 14


@pytest.mark.row("XX-06")
def test_it_has_names_of_its_own_only_where_it_is_given_them(stack_of):
    plain, named = service(stack_of()), service(stack_of(), named=True)
    assert "ServiceName" not in plain.properties("ApiService")
    assert "Family" not in plain.properties("ApiTaskDefinition")
    assert "LogGroupName" not in plain.properties("ApiLogGroup")
    assert named.properties("ApiService")["ServiceName"] == "facerec-api-dev"
    assert named.properties("ApiTaskDefinition")["Family"] == "facerec-api-dev"
    assert named.properties("ApiLogGroup")["LogGroupName"] == "/ecs/facerec-api-dev"
    assert named.properties("ApiSecurityGroup")["GroupName"] == "facerec-api-ecs-sg-dev"


# Who may do what


def secretive():
    return container(
        secrets={
            "API_KEY": SecretValue(Ref("ApiKeyArn")),
            "PINECONE_API_KEY": SecretValue.parameter("/facerec/PINECONE_API_KEY"),
        }
    )


@pytest.mark.row("CA-08")
def test_without_secrets_ecs_may_pull_one_repository_and_write_one_log(stack_of):
    statements = service(stack_of()).statements("ApiExecutionRole")
    assert list(statements) == ["LogInToRegistry", "PullImage", "WriteToApiLogGroup"]
    assert statements["PullImage"]["Resource"][0]["Fn::Sub"].endswith(":repository/facerec-api")
    assert statements["WriteToApiLogGroup"]["Resource"] == [{"Fn::GetAtt": ["ApiLogGroup", "Arn"]}]


@pytest.mark.row("CA-08")
@pytest.mark.row("FR-09")
def test_ecs_reads_its_own_secrets_and_no_others(stack_of):
    statements = service(stack_of(KEY_ARN), runs=secretive()).statements("ApiExecutionRole")
    assert statements["ReadSecrets"]["Resource"] == [{"Ref": "ApiKeyArn"}]
    (parameter,) = statements["ReadParameters"]["Resource"]
    assert parameter["Fn::Sub"].endswith(":parameter/facerec/PINECONE_API_KEY")
    assert "DecryptParameters" in statements


@pytest.mark.row("CA-08")
def test_the_application_itself_reads_no_secret_and_may_do_nothing(stack_of):
    made = service(stack_of(KEY_ARN), runs=secretive())
    assert made.statements("ApiTaskRole") == {}
    assert "Policies" not in made.properties("ApiTaskRole")


@pytest.mark.row("CA-08")
def test_the_application_may_do_what_it_is_granted(stack_of):
    made = service(stack_of(KEY_ARN), may=[grants.read_write_objects(Ref("ApiKeyArn"))])
    assert list(made.statements("ApiTaskRole")) == ["ReadAndWriteObjects"]


def test_the_applications_role_is_taken_on_for_tasks_of_this_account_only(stack_of):
    (trust,) = service(stack_of()).properties("ApiTaskRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert trust["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].startswith("arn:${AWS::Partition}:ecs:")


@pytest.mark.row("CA-15")
def test_a_shell_is_opened_only_where_it_is_allowed(stack_of):
    plain = service(stack_of())
    open_ = service(stack_of(), shell=True, runs=container(writable=True))
    assert (plain.properties("ApiService")["EnableExecuteCommand"], plain.statements("ApiTaskRole")) == (False, {})
    assert open_.properties("ApiService")["EnableExecuteCommand"] is True
    assert list(open_.statements("ApiTaskRole")) == ["OpenShell"]


def test_a_shell_in_a_read_only_container_is_refused(stack_of):
    with pytest.raises(
        SettingsError, match="shell: ECS Exec writes to the root file system; make container api writable"
    ):
        service(stack_of(), shell=True)


# How it runs


@pytest.mark.row("CA-06")
def test_its_number_of_tasks_is_left_out_where_autoscaling_decides(stack_of):
    assert service(stack_of(), tasks=3).properties("ApiService")["DesiredCount"] == 3
    assert service(stack_of(), tasks=0).properties("ApiService")["DesiredCount"] == 0
    assert "DesiredCount" not in service(stack_of(), tasks=None).properties("ApiService")


@pytest.mark.parametrize(
    ("capacity", "strategy"),
    [
        ("on-demand", [("FARGATE", 0, 1)]),
        ("spot-above-first", [("FARGATE", 1, 0), ("FARGATE_SPOT", 0, 1)]),
        ("spot", [("FARGATE_SPOT", 0, 1)]),
    ],
)
def test_it_chooses_by_strategy_and_never_by_launch_type(stack_of, capacity, strategy):
    made = service(stack_of(), capacity=capacity).properties("ApiService")
    chosen = [
        (item["CapacityProvider"], item.get("Base", 0), item["Weight"]) for item in made["CapacityProviderStrategy"]
    ]
    assert chosen == strategy
    # Changing between a launch type and a strategy replaces the service.
    assert "LaunchType" not in made


def test_a_rolling_deployment_that_fails_is_turned_back(stack_of):
    made = service(stack_of()).properties("ApiService")["DeploymentConfiguration"]
    assert made == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }


def test_it_waits_for_what_leads_to_it_and_for_its_ways_out(stack_of):
    assert service(stack_of()).resource("ApiService")["DependsOn"] == [
        "ApiCapacityProviders",
        "PublicHttpListener",
        "PublicToApiEgress",
        "PublicToApiIngress",
        "ApiToHttpsEgress",
    ]


@pytest.mark.parametrize(
    ("egress", "subnets", "address"),
    [("nat", "PrivateSubnetIds", "DISABLED"), ("public", "PublicSubnetIds", "ENABLED")],
)
def test_tasks_have_addresses_of_their_own_only_where_that_is_their_way_out(stack_of, egress, subnets, address):
    made = service(stack_of(), egress=egress).properties("ApiService")
    place = made["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert (place["Subnets"], place["AssignPublicIp"]) == ({"Ref": subnets}, address)
    assert place["SecurityGroups"] == [{"Fn::GetAtt": ["ApiSecurityGroup", "GroupId"]}]


def test_the_load_balancer_finds_its_container_and_gives_it_time_to_start(stack_of):
    made = service(stack_of()).properties("ApiService")
    assert made["LoadBalancers"] == [
        {"ContainerName": "api", "ContainerPort": 8000, "TargetGroupArn": {"Ref": "ApiTargetGroup"}}
    ]
    assert made["HealthCheckGracePeriodSeconds"] == 90


def test_tasks_carry_the_tags_of_their_service(stack_of):
    made = service(stack_of()).properties("ApiService")
    assert (made["PropagateTags"], made["EnableECSManagedTags"]) == ("SERVICE", True)


@pytest.mark.row("CA-09")
def test_only_the_load_balancer_reaches_it_and_only_on_its_port(stack_of):
    made = to_dict(service(stack_of()).stack)["Resources"].values()
    into = [
        resource["Properties"]
        for resource in made
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress"
        and resource["Properties"]["GroupId"] == {"Fn::GetAtt": ["ApiSecurityGroup", "GroupId"]}
    ]
    assert [(rule["SourceSecurityGroupId"], rule["FromPort"], rule["ToPort"]) for rule in into] == [
        ({"Fn::GetAtt": ["PublicSecurityGroup", "GroupId"]}, 8000, 8000)
    ]


def test_others_know_it_by_the_names_that_aws_gives_it(stack_of):
    fargate = service(stack_of()).fargate
    assert fargate.service_name.to_dict() == {"Fn::GetAtt": ["ApiService", "Name"]}
    assert fargate.cluster_name.to_dict() == {"Ref": "ApiCluster"}


@pytest.mark.row("RC-12")
def test_a_sidecar_starts_first_and_writes_to_the_services_log_group(stack_of):
    sidecar = ecs.ContainerDefinition(Name="collector", Image="collector:1", Essential=False)
    containers = service(stack_of(), sidecars=[sidecar]).properties("ApiTaskDefinition")["ContainerDefinitions"]
    assert [one["Name"] for one in containers] == ["api", "collector"]
    assert containers[0]["DependsOn"] == [{"ContainerName": "collector", "Condition": "START"}]
    assert containers[1]["LogConfiguration"]["Options"]["awslogs-group"] == {"Ref": "ApiLogGroup"}


@pytest.mark.row("RC-09")
def test_configuration_takes_no_key_to_read_and_a_secret_does(stack_of):
    plain = SecretValue("level-arn", in_parameter_store=True, encrypted=False)
    secret = SecretValue("key-arn", in_parameter_store=True)
    for values, decrypts in (({"LEVEL": plain}, False), ({"LEVEL": plain, "KEY": secret}, True)):
        statements = service(stack_of(), runs=container(secrets=values)).statements("ApiExecutionRole")
        assert statements["ReadParameters"]["Resource"] == [value.source for value in values.values()]
        assert ("DecryptParameters" in statements) is decrypts
