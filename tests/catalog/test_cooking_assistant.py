"""Cooking Assistant: the rows CA-01 to CA-14, on what is rendered."""

from __future__ import annotations

import json

import pytest

from blueprints.catalog.cooking_assistant import Settings
from blueprints.components.task_size import FARGATE_SIZES
from blueprints.model.errors import SettingsError
from tests.catalog.rendered import render, text, values

both = pytest.mark.parametrize("environment", ["dev", "prod"])
SECRET = {"Fn::GetStackOutput": {"StackName": {"Ref": "DataStackName"}, "OutputName": "AnthropicApiKeyArn"}}


def assistant(environment, **settings):
    return render("cooking-assistant", environment, **settings)


@pytest.mark.row("CA-01")
@both
def test_one_service_rolls_and_turns_a_failed_deployment_back(environment):
    rendered = assistant(environment)
    assert len(rendered.all("AWS::ECS::Cluster")) == 1
    service = rendered.one("AWS::ECS::Service")
    assert service["DeploymentConfiguration"] == {
        "MinimumHealthyPercent": 100,
        "MaximumPercent": 200,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
    }
    assert rendered.one("AWS::ECS::TaskDefinition")["RequiresCompatibilities"] == ["FARGATE"]


@pytest.mark.row("CA-02")
@both
def test_the_load_balancer_faces_the_internet_and_forwards_to_addresses(environment):
    rendered = assistant(environment)
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Type"], balancer["Scheme"]) == ("application", "internet-facing")
    assert rendered.one("AWS::ElasticLoadBalancingV2::TargetGroup")["TargetType"] == "ip"
    (entry,) = rendered.one("AWS::ECS::Service")["LoadBalancers"]
    assert entry == {
        "ContainerName": "assistant",
        "ContainerPort": 8000,
        "TargetGroupArn": {"Ref": "AssistantTargetGroup"},
    }


@pytest.mark.row("CA-02")
@both
def test_the_service_waits_for_the_listener(environment):
    rendered = assistant(environment)
    listener = "PublicHttpListener" if environment == "dev" else "PublicHttpsListener"
    assert listener in rendered.resources("AWS::ECS::Service")["AssistantService"]["DependsOn"]


@pytest.mark.row("CA-03")
@both
def test_the_repository_scans_keeps_tags_and_forgets_old_images(environment):
    repository = assistant(environment).one("AWS::ECR::Repository")
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged", "any"]
    assert all(rule["action"] == {"type": "expire"} for rule in rules)


@pytest.mark.row("CA-03")
def test_environments_share_one_repository_so_that_an_image_can_be_there_first():
    dev, prod = assistant("dev"), assistant("prod")
    assert dev.templates["registry"] == prod.templates["registry"]
    assert dev.stacks[0].stack_name == prod.stacks[0].stack_name == "cooking-assistant-registry"


@pytest.mark.row("CA-04")
@both
def test_the_api_key_is_a_secret_that_cloudformation_never_sees(environment):
    rendered = assistant(environment)
    container = rendered.container()
    assert values(container["Secrets"], value="ValueFrom") == {"ANTHROPIC_API_KEY": SECRET}
    assert "ANTHROPIC_API_KEY" not in values(container["Environment"])
    secret = rendered.one("AWS::SecretsManager::Secret")
    assert "SecretString" not in secret
    assert "GenerateSecretString" not in secret


@pytest.mark.row("CA-04")
def test_the_api_key_can_come_from_an_ssm_parameter_that_exists():
    rendered = assistant("dev", secret_source="parameter-store", secret_parameter="/kitchen/key")
    source = values(rendered.container()["Secrets"], value="ValueFrom")["ANTHROPIC_API_KEY"]
    assert text(source).endswith(":parameter/kitchen/key")
    assert not rendered.all("AWS::SecretsManager::Secret")
    assert rendered.statement("ReadParameters")["Resource"] == [source]


@pytest.mark.row("CA-05")
@both
def test_logs_are_kept_for_a_time_and_metrics_are_on_a_dashboard(environment):
    rendered = assistant(environment)
    assert rendered.one("AWS::Logs::LogGroup")["RetentionInDays"] == 30
    assert rendered.container()["LogConfiguration"]["LogDriver"] == "awslogs"
    insights = {"Name": "containerInsights", "Value": "enabled"}
    assert rendered.one("AWS::ECS::Cluster")["ClusterSettings"] == [insights]
    body = text(rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"])
    for metric in ("CPUUtilization", "MemoryUtilization", "RequestCount", "HTTPCode_Target_5XX_Count"):
        assert metric in body


@pytest.mark.row("CA-06")
def test_size_and_number_of_tasks_are_parameters():
    rendered = assistant("dev")
    parameters = rendered.templates["service"]["Parameters"]
    assert [parameters[name]["Default"] for name in ("TaskCpu", "TaskMemory", "TaskCount")] == ["256", "512", 1]
    task = rendered.one("AWS::ECS::TaskDefinition")
    assert (task["Cpu"], task["Memory"]) == ({"Ref": "TaskCpu"}, {"Ref": "TaskMemory"})
    assert rendered.one("AWS::ECS::Service")["DesiredCount"] == {"Ref": "TaskCount"}


@pytest.mark.row("CA-06")
@both
def test_cloudformation_refuses_sizes_that_fargate_does_not_have(environment):
    rules = assistant(environment).templates["service"]["Rules"]
    allowed = {}
    for rule in rules.values():
        cpu, (assertion,) = rule["RuleCondition"]["Fn::Equals"][1], rule["Assertions"]
        allowed[int(cpu)] = tuple(int(memory) for memory in assertion["Assert"]["Fn::Contains"][0])
    assert allowed == FARGATE_SIZES


@pytest.mark.row("CA-06")
def test_sizes_that_fargate_does_not_have_are_refused_in_settings_too():
    with pytest.raises(SettingsError, match="task_memory: 4096 MiB does not go with 256 CPU units; give one of 512,"):
        Settings(task_memory=4096)
    with pytest.raises(SettingsError, match="task_cpu: 300 is not allowed; give one of 256, 512"):
        Settings(task_cpu=300)


@pytest.mark.row("CA-07")
@both
def test_load_balancer_and_container_both_ask_for_health(environment):
    rendered = assistant(environment)
    assert rendered.one("AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"] == "/health"
    check = rendered.container()["HealthCheck"]
    assert check["Command"][0] == "CMD-SHELL"
    assert "http://localhost:8000/health" in check["Command"][1]


@pytest.mark.row("CA-07")
def test_images_without_a_shell_are_asked_from_outside_only():
    rendered = assistant("dev", container_health_check=False, health_check_path="/ready")
    assert "HealthCheck" not in rendered.container()
    assert rendered.one("AWS::ElasticLoadBalancingV2::TargetGroup")["HealthCheckPath"] == "/ready"


@pytest.mark.row("CA-08")
@both
def test_the_application_may_do_nothing_and_ecs_only_what_starting_a_task_takes(environment):
    rendered = assistant(environment)
    by_role = {}
    for role, statement in rendered.statements():
        by_role.setdefault(role, {})[statement["Sid"]] = statement
    assert set(by_role) == {"AssistantExecutionRole"}
    execution = by_role["AssistantExecutionRole"]
    assert set(execution) == {"LogInToRegistry", "PullImage", "WriteToAssistantLogGroup", "ReadSecrets"}
    assert text(execution["PullImage"]["Resource"]).endswith(":repository/cooking-assistant")
    assert execution["WriteToAssistantLogGroup"]["Resource"] == [{"Fn::GetAtt": ["AssistantLogGroup", "Arn"]}]
    assert execution["ReadSecrets"]["Resource"] == [SECRET]
    roles = rendered.resources("AWS::IAM::Role")
    assert not any("ManagedPolicyArns" in role["Properties"] for role in roles.values())


@pytest.mark.row("CA-09")
@both
def test_the_load_balancer_is_the_only_way_in(environment):
    rendered = assistant(environment)
    tasks = {"Fn::GetAtt": ["AssistantSecurityGroup", "GroupId"]}
    ways_in = [rule for rule in rendered.all("AWS::EC2::SecurityGroupIngress") if rule["GroupId"] == tasks]
    assert [(rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) for rule in ways_in] == [(8000, 8000, "tcp")]
    assert ways_in[0]["SourceSecurityGroupId"] == {"Fn::GetAtt": ["PublicSecurityGroup", "GroupId"]}
    for group in rendered.all("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group
        assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert place["AssignPublicIp"] == "DISABLED"


@pytest.mark.row("CA-09")
def test_clients_can_be_held_to_an_address_range():
    rendered = assistant("dev", clients="203.0.113.0/24")
    (from_outside,) = [rule for rule in rendered.all("AWS::EC2::SecurityGroupIngress") if "CidrIp" in rule]
    assert from_outside["CidrIp"] == "203.0.113.0/24"


@pytest.mark.row("CA-10")
def test_prod_scales_from_one_to_four_on_cpu_memory_and_requests():
    rendered = assistant("prod")
    parameters = rendered.templates["service"]["Parameters"]
    assert (parameters["MinimumTasks"]["Default"], parameters["MaximumTasks"]["Default"]) == (1, 4)
    policies = [
        policy["TargetTrackingScalingPolicyConfiguration"]
        for policy in rendered.all("AWS::ApplicationAutoScaling::ScalingPolicy")
    ]
    targets = {
        policy["PredefinedMetricSpecification"]["PredefinedMetricType"]: policy["TargetValue"] for policy in policies
    }
    assert targets == {
        "ECSServiceAverageCPUUtilization": 70,
        "ECSServiceAverageMemoryUtilization": 80,
        "ALBRequestCountPerTarget": 1000,
    }
    assert "DesiredCount" not in rendered.one("AWS::ECS::Service")


@pytest.mark.row("CA-10")
def test_autoscaling_is_an_option_with_bounds_of_its_own():
    assert not assistant("dev").all("AWS::ApplicationAutoScaling::ScalableTarget")
    rendered = assistant("dev", autoscaling=True, minimum_tasks=2, maximum_tasks=9, target_cpu=50)
    assert rendered.templates["service"]["Parameters"]["MaximumTasks"]["Default"] == 9
    with pytest.raises(SettingsError, match=r"minimum_tasks: 5 is more than maximum_tasks \(4\)"):
        Settings(minimum_tasks=5)


@pytest.mark.row("CA-11")
def test_recipes_in_dynamodb_and_the_task_may_use_just_that_table():
    rendered = assistant("dev", storage="dynamodb")
    table = rendered.one("AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    granted = [statement for role, statement in rendered.statements() if role == "AssistantTaskRole"]
    assert [statement["Sid"] for statement in granted] == ["ReadAndWriteItems"]
    (resource,) = granted[0]["Resource"]
    assert resource["Fn::GetStackOutput"]["OutputName"] == "RecipesTableArn"
    assert "RECIPES_TABLE" in values(rendered.container()["Environment"])


@pytest.mark.row("CA-11")
def test_recipes_in_aurora_and_only_the_tasks_reach_it():
    rendered = assistant("dev", storage="aurora")
    cluster = rendered.one("AWS::RDS::DBCluster")
    assert cluster["Engine"] == "aurora-postgresql"
    assert cluster["ServerlessV2ScalingConfiguration"]
    assert cluster["ManageMasterUserPassword"] is True
    ingress = rendered.resources("AWS::EC2::SecurityGroupIngress")["AssistantToRecipesIngress"]["Properties"]
    assert ingress["FromPort"] == 5432
    assert ingress["SourceSecurityGroupId"] == {"Fn::GetAtt": ["AssistantSecurityGroup", "GroupId"]}
    secrets = values(rendered.container()["Secrets"], value="ValueFrom")
    assert {"DATABASE_USER", "DATABASE_PASSWORD"} <= set(secrets)
    password = rendered.templates["data"]["Outputs"]["RecipesPasswordSource"]["Value"]
    assert password == {"Fn::Sub": "${RecipesCluster.MasterUserSecret.SecretArn}:password::"}


@pytest.mark.row("CA-12")
def test_a_cache_with_tls_that_only_the_tasks_reach():
    rendered = assistant("dev", cache=True)
    group = rendered.one("AWS::ElastiCache::ReplicationGroup")
    assert group["Engine"] == "valkey"
    assert (group["TransitEncryptionEnabled"], group["AtRestEncryptionEnabled"]) == (True, True)
    ways_in = rendered.resources("AWS::EC2::SecurityGroupIngress")
    assert ways_in["AssistantToAnswersIngress"]["Properties"]["FromPort"] == 6379
    assert "CACHE_AUTH_TOKEN" in values(rendered.container()["Secrets"], value="ValueFrom")


@pytest.mark.row("CA-13")
def test_prod_answers_under_its_own_name_over_https():
    rendered = assistant("prod")
    parameters = rendered.templates["service"]["Parameters"]
    assert "Default" not in parameters["DomainName"]
    assert parameters["HostedZoneId"]["Type"] == "AWS::Route53::HostedZone::Id"
    certificate = rendered.one("AWS::CertificateManager::Certificate")
    assert certificate["DomainValidationOptions"] == [
        {"DomainName": {"Ref": "DomainName"}, "HostedZoneId": {"Ref": "HostedZoneId"}}
    ]
    listeners = rendered.resources("AWS::ElasticLoadBalancingV2::Listener")
    assert listeners["PublicHttpsListener"]["Properties"]["Protocol"] == "HTTPS"
    redirect = listeners["PublicHttpListener"]["Properties"]["DefaultActions"][0]
    assert redirect["RedirectConfig"]["StatusCode"] == "HTTP_301"
    alias = rendered.one("AWS::Route53::RecordSet")["AliasTarget"]
    assert alias["HostedZoneId"] == {"Fn::GetAtt": ["PublicLoadBalancer", "CanonicalHostedZoneID"]}


@pytest.mark.row("CA-13")
def test_dev_has_no_domain_unless_one_is_named():
    assert not assistant("dev").all("AWS::CertificateManager::Certificate")
    named = assistant("dev", domain_name="kitchen.example.com", hosted_zone_id="Z0123456789ABC")
    parameters = named.templates["service"]["Parameters"]
    assert parameters["DomainName"]["Default"] == "kitchen.example.com"
    assert parameters["HostedZoneId"]["Default"] == "Z0123456789ABC"


@pytest.mark.row("CA-14")
def test_people_are_sent_to_sign_in_before_a_request_is_forwarded():
    rendered = assistant("prod", sign_in="people")
    actions = rendered.resources("AWS::ElasticLoadBalancingV2::Listener")["PublicHttpsListener"]["Properties"][
        "DefaultActions"
    ]
    assert [(action["Type"], action["Order"]) for action in actions] == [("authenticate-cognito", 1), ("forward", 2)]
    assert "PeopleUserPool" in rendered.templates["data"]["Resources"], "accounts outlive the service"
    egress = rendered.resources("AWS::EC2::SecurityGroupEgress")
    assert "PublicToHttpsEgress" in egress, "the load balancer itself calls Cognito"


@pytest.mark.row("CA-14")
def test_machines_show_a_token_that_the_load_balancer_verifies():
    rendered = assistant("prod", sign_in="machines")
    actions = rendered.resources("AWS::ElasticLoadBalancingV2::Listener")["PublicHttpsListener"]["Properties"][
        "DefaultActions"
    ]
    assert [action["Type"] for action in actions] == ["jwt-validation", "forward"]
    issuer = actions[0]["JwtValidationConfig"]["Issuer"]["Fn::GetStackOutput"]["OutputName"]
    assert text(rendered.templates["data"]["Outputs"][issuer]["Value"]).startswith("Fn::Sub https://cognito-idp.")


@pytest.mark.row("CA-14")
def test_people_and_machines_come_in_by_the_same_listener():
    rendered = assistant("prod", sign_in="people-and-machines")
    rule = rendered.one("AWS::ElasticLoadBalancingV2::ListenerRule")
    assert rule["Conditions"][0]["HttpHeaderConfig"] == {"HttpHeaderName": "Authorization", "Values": ["Bearer *"]}
    assert [action["Type"] for action in rule["Actions"]] == ["jwt-validation", "forward"]


@pytest.mark.row("CA-14")
def test_sign_in_without_a_domain_is_refused_with_the_way_out():
    with pytest.raises(SettingsError, match="sign_in: 'people' needs https to be 'domain', got 'off'"):
        Settings(sign_in="people")


def test_stacks_are_deployed_in_the_order_of_their_lifecycles():
    assert list(assistant("dev").templates) == ["registry", "network", "data", "service"]
    assert list(assistant("prod").templates) == ["registry", "network", "data", "service", "monitoring"]
    outside = assistant("dev", existing_vpc=True, secret_source="parameter-store")
    assert list(outside.templates) == ["registry", "service"]
