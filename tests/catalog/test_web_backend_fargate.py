"""The web backend on Fargate: the rows WB-01 and WB-04 to WB-10, on what its stacks render together."""

from __future__ import annotations

from typing import Any

import pytest

from blueprints.catalog.web_backend_fargate import Settings
from blueprints.render.writing import manifest_of
from tests.catalog.rendered import Rendered, text, values
from tests.catalog.web_backend import (
    ALARM,
    BUCKET,
    DISTRIBUTION,
    EGRESS,
    FARGATE,
    INGRESS,
    INSTANCE,
    LISTENER,
    LISTENER_RULE,
    LOAD_BALANCER,
    LOG_GROUP,
    SECURITY_GROUP,
    TARGET_GROUP,
    as_written,
    attribute,
    connections,
    dimensions,
    ref,
    web_backend,
)

both = pytest.mark.parametrize("environment", ["dev", "prod"])

ANYWHERE, CLOUDFRONT = "0.0.0.0/0", "CloudFrontPrefixListId"


def fargate(environment: str = "dev", **settings: Any) -> Rendered:
    return web_backend(FARGATE, environment, **settings)


def resources(rendered: Rendered, stack: str) -> dict[str, Any]:
    found: dict[str, Any] = rendered.templates[stack]["Resources"]
    return found


def container(rendered: Rendered, stack: str) -> dict[str, Any]:
    """The only container of the only task of a stack."""
    (task,) = [one for one in resources(rendered, stack).values() if one["Type"] == "AWS::ECS::TaskDefinition"]
    (found,) = task["Properties"]["ContainerDefinitions"]
    return dict(found)


# WB-01: load balancer, tasks, database, frontend


@pytest.mark.row("WB-01")
@both
def test_stacks_come_in_deploy_order_and_the_migration_before_the_service(environment):
    names = [stack.name for stack in fargate(environment).stacks]
    assert names == ["registry", "network", "data", "platform", "migration", "service", "monitoring"]


@pytest.mark.row("WB-01")
@both
def test_a_task_has_half_a_vcpu_and_a_gibibyte(environment):
    rendered = fargate(environment)
    for stack in ("migration", "service"):
        parameters = rendered.templates[stack]["Parameters"]
        assert (parameters["TaskCpu"]["Default"], parameters["TaskMemory"]["Default"]) == ("512", "1024")
    for task in rendered.all("AWS::ECS::TaskDefinition"):
        assert (task["Cpu"], task["Memory"]) == (ref("TaskCpu"), ref("TaskMemory"))
        assert (task["NetworkMode"], task["RequiresCompatibilities"]) == ("awsvpc", ["FARGATE"])


@pytest.mark.row("WB-01")
@both
def test_everything_stands_in_its_own_kind_of_subnet(environment):
    rendered = fargate(environment)
    place = rendered.one("AWS::ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    placed = {
        "Public": rendered.one(LOAD_BALANCER)["Subnets"],
        "Private": place["Subnets"],
        "Data": rendered.one("AWS::RDS::DBSubnetGroup")["SubnetIds"],
    }
    assert placed == {kind: [ref(f"Main{kind}Subnet{zone}") for zone in (1, 2)] for kind in placed}
    assert place["AssignPublicIp"] == "DISABLED"


@pytest.mark.row("WB-01")
@pytest.mark.parametrize(
    ("environment", "entrance"), [("dev", {(CLOUDFRONT, 80)}), ("prod", {(ANYWHERE, 80), (ANYWHERE, 443)})]
)
def test_requests_go_from_the_load_balancer_to_tasks_and_on_to_the_database_and_nowhere_else(environment, entrance):
    rendered = fargate(environment)
    balancer, api, migration, database = (f"{name}SecurityGroup" for name in ("Public", "Api", "Migration", "Database"))
    assert set(rendered.resources(SECURITY_GROUP)) == {balancer, api, migration, database}
    inside = {(balancer, api, 8000), (api, database, 5432), (migration, database, 5432)}
    assert set(connections(rendered, INGRESS)) == inside | {(source, balancer, port) for source, port in entrance}
    assert set(connections(rendered, EGRESS)) == inside | {(api, ANYWHERE, 443), (migration, ANYWHERE, 443)}


@pytest.mark.row("WB-01")
@both
def test_security_groups_have_no_rules_beside_those(environment):
    """Without a rule of its own CloudFormation lets a group out to everywhere, so each has one that leads nowhere."""
    for group in fargate(environment).all(SECURITY_GROUP):
        assert "SecurityGroupIngress" not in group
        (nowhere,) = group["SecurityGroupEgress"]
        assert (nowhere["IpProtocol"], nowhere["CidrIp"]) == ("-1", "127.0.0.1/32")


@pytest.mark.row("WB-01")
@both
def test_the_service_waits_for_its_connections_and_registers_with_the_load_balancer(environment):
    rendered = fargate(environment)
    rules = {name for name, one in resources(rendered, "service").items() if one["Type"] in {INGRESS, EGRESS}}
    assert len(rules) == 5
    assert rules <= set(resources(rendered, "service")["ApiService"]["DependsOn"])
    service = rendered.one("AWS::ECS::Service")
    (registered,) = service["LoadBalancers"]
    assert registered == {"ContainerName": "api", "ContainerPort": 8000, "TargetGroupArn": ref("ApiTargetGroup")}
    assert service["TaskDefinition"] == ref("ApiTaskDefinition")
    assert service["Cluster"] == ref("ApiCluster")


@pytest.mark.row("WB-01")
@pytest.mark.parametrize(("environment", "fewest"), [("dev", 1), ("prod", 2)])
def test_tasks_scale_between_one_and_three_and_prod_has_two_zones_at_least(environment, fewest):
    rendered = fargate(environment)
    parameters = rendered.templates["service"]["Parameters"]
    assert (parameters["MinimumTasks"]["Default"], parameters["MaximumTasks"]["Default"]) == (fewest, 3)
    target = rendered.one("AWS::ApplicationAutoScaling::ScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (ref("MinimumTasks"), ref("MaximumTasks"))
    held = {
        policy["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: (
            policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        )
        for policy in rendered.all("AWS::ApplicationAutoScaling::ScalingPolicy")
    }
    assert held == {"ECSServiceAverageCPUUtilization": 70, "ECSServiceAverageMemoryUtilization": 80}
    assert "DesiredCount" not in rendered.one("AWS::ECS::Service")


@pytest.mark.row("WB-01", "WB-05")
@both
def test_tasks_pull_one_repository_read_one_secret_and_may_do_nothing_in_aws(environment):
    rendered = fargate(environment)
    allowed: dict[str, dict[str, Any]] = {}
    for role, statement in rendered.statements():
        allowed.setdefault(role, {})[statement["Sid"]] = statement
    assert set(allowed) == {"ApiExecutionRole", "MigrationExecutionRole"}
    for name in ("Api", "Migration"):
        mine = allowed[f"{name}ExecutionRole"]
        assert set(mine) == {"LogInToRegistry", "PullImage", f"WriteTo{name}LogGroup", "ReadSecrets"}
        assert text(mine["PullImage"]["Resource"]).endswith(":repository/web-backend-fargate")
        assert mine["ReadSecrets"]["Resource"] == [ref("DatabasePassword")]
        assert mine[f"WriteTo{name}LogGroup"]["Resource"] == [attribute(f"{name}LogGroup", "Arn")]
        assert "Policies" not in resources(rendered, "service" if name == "Api" else "migration")[f"{name}TaskRole"]


# WB-01: CloudFront before the API


@pytest.mark.row("WB-01")
@pytest.mark.parametrize(
    "settings", [{}, {"https": "domain"}, {"deployment": "blue-green"}], ids=["plain", "domain", "blue-green"]
)
def test_behind_cloudfront_no_request_reaches_a_task_without_the_header_of_our_distribution(settings):
    rendered = fargate(**settings)
    header = {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"}
    serving = [one for one in rendered.all(LISTENER) if one["DefaultActions"][0]["Type"] != "redirect"]
    assert [one["DefaultActions"][0]["FixedResponseConfig"]["StatusCode"] for one in serving] == ["403"]
    rules = rendered.all(LISTENER_RULE)
    assert rules
    for rule in rules:
        asked = [one["HttpHeaderConfig"] for one in rule["Conditions"] if one["Field"] == "http-header"]
        assert {"HttpHeaderName": "X-Origin-Verify", "Values": [header]} in asked
    config = resources(rendered, "platform")["ApiDistribution"]["Properties"]["DistributionConfig"]
    (origin,) = config["Origins"]
    assert origin["OriginCustomHeaders"] == [{"HeaderName": "X-Origin-Verify", "HeaderValue": header}]
    assert {one[0] for one in connections(rendered, INGRESS) if one[1] == "PublicSecurityGroup"} == {CLOUDFRONT}


@pytest.mark.row("WB-01")
@both
def test_cloudfront_passes_on_every_method_and_keeps_no_answer(environment):
    """CachingDisabled and AllViewer are policies that AWS manages."""
    rendered = fargate(environment, api_through_cloudfront=True)
    config = resources(rendered, "platform")["ApiDistribution"]["Properties"]["DistributionConfig"]
    behaviour = config["DefaultCacheBehavior"]
    assert "CacheBehaviors" not in config
    assert set(behaviour["AllowedMethods"]) == {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
    assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behaviour["ViewerProtocolPolicy"] == "https-only"


@pytest.mark.row("WB-01")
def test_with_a_domain_cloudfront_has_its_name_and_speaks_https_to_the_load_balancer():
    rendered = fargate("prod", api_through_cloudfront=True)
    platform = resources(rendered, "platform")
    config = platform["ApiDistribution"]["Properties"]["DistributionConfig"]
    assert config["Aliases"] == [ref("DomainName")]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == ref("PublicCertificate")
    (origin,) = config["Origins"]
    assert origin["DomainName"] == {"Fn::Sub": "origin.${DomainName}"}
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    # CloudFront takes certificates from one Region only, wherever the load balancer is.
    edge = next(stack for stack in rendered.stacks if stack.name == "edge")
    assert edge.region == "us-east-1"
    assert "PublicCertificate" in resources(rendered, "edge")
    assert "OriginCertificate" in platform


@pytest.mark.row("WB-01")
def test_in_prod_the_load_balancer_has_the_domain_and_http_leads_to_https():
    rendered = fargate("prod")
    listeners = {one["Port"]: one for one in rendered.all(LISTENER)}
    assert listeners.keys() == {80, 443}
    assert listeners[80]["DefaultActions"][0]["RedirectConfig"] == {
        "Protocol": "HTTPS",
        "Port": "443",
        "StatusCode": "HTTP_301",
    }
    assert listeners[443]["DefaultActions"][0]["TargetGroupArn"] == ref("ApiTargetGroup")
    assert "TLS13" in listeners[443]["SslPolicy"]
    assert list(rendered.resources(DISTRIBUTION)) == ["FrontendDistribution"]
    record = rendered.one("AWS::Route53::RecordSet")
    assert record["Name"] == ref("DomainName")


@pytest.mark.row("WB-01")
def test_access_logs_are_kept_in_prod():
    attributes = values(fargate("prod").one(LOAD_BALANCER)["LoadBalancerAttributes"], key="Key")
    assert attributes["access_logs.s3.enabled"] == "true"
    assert attributes["access_logs.s3.bucket"] == ref("AccessLogBucket")
    assert attributes["deletion_protection.enabled"] == "true"


# WB-04: health


@pytest.mark.row("WB-04")
@both
@pytest.mark.parametrize("deployment", ["rolling", "blue-green"])
def test_the_load_balancer_asks_for_health_where_the_tasks_listen(environment, deployment):
    groups = fargate(environment, deployment=deployment).all(TARGET_GROUP)
    assert len(groups) == (2 if deployment == "blue-green" else 1)
    for group in groups:
        assert (group["HealthCheckPath"], group["HealthCheckPort"], group["Port"]) == ("/health", "8000", 8000)
        assert (group["TargetType"], group["Matcher"]) == ("ip", {"HttpCode": "200"})


@pytest.mark.row("WB-04")
@both
def test_the_container_is_asked_for_health_without_its_database(environment):
    rendered = fargate(environment)
    command = text(container(rendered, "service")["HealthCheck"]["Command"])
    assert "8000/health" in command
    assert "/health/db" not in command
    assert "HealthCheck" not in container(rendered, "migration"), "a task that ends by itself is not asked"


# WB-07: migrations


@pytest.mark.row("WB-07")
@both
def test_the_migration_runs_the_new_image_with_what_the_application_is_told(environment):
    rendered = fargate(environment)
    migration, api = container(rendered, "migration"), container(rendered, "service")
    assert migration["Command"] == ["alembic", "upgrade", "head"]
    assert "Command" not in api
    told = ("Image", "Environment", "Secrets", "User", "ReadonlyRootFilesystem")
    assert {key: migration[key] for key in told} == {key: api[key] for key in told}
    assert "PortMappings" not in migration


@pytest.mark.row("WB-07")
@both
def test_a_deployment_runs_the_migration_to_its_end_before_it_touches_the_service(environment):
    rendered = as_written(FARGATE, environment)
    manifest = manifest_of(FARGATE, Settings(environment=environment), list(rendered.stacks))
    steps = {entry.name: list(entry.tasks) for entry in manifest.stacks if entry.tasks}
    assert list(steps) == ["migration"]
    (task,) = steps["migration"]
    names = [entry.name for entry in manifest.stacks]
    assert names.index("migration") == names.index("service") - 1
    named = [task.cluster, task.task_definition, *task.subnets, task.security_group, task.log_group]
    for wanted in named:
        assert wanted.output in rendered.templates[wanted.stack]["Outputs"]
        assert names.index(wanted.stack) <= names.index("migration")
    assert task.container == "migration"
    assert [wanted.output for wanted in task.subnets] == ["PrivateSubnet1", "PrivateSubnet2"]
    assert task.public_address is False


@pytest.mark.row("WB-07")
def test_the_image_that_migrates_is_asked_for_as_the_one_that_serves_is():
    asked = {stack.name: [image.repository for image in stack.images] for stack in fargate().stacks if stack.images}
    assert asked == {"migration": ["web-backend-fargate"], "service": ["web-backend-fargate"]}


@pytest.mark.row("WB-07")
def test_a_migration_of_public_subnets_gets_an_address_to_pull_its_image_with():
    rendered = fargate(egress="public")
    (task,) = next(stack for stack in rendered.stacks if stack.name == "migration").tasks
    assert task.public_address is True
    assert [wanted.output for wanted in task.subnets] == ["PublicSubnet1", "PublicSubnet2"]


@pytest.mark.row("WB-07")
def test_without_a_command_there_is_no_migration():
    rendered = fargate(migration=[])
    assert "migration" not in rendered.templates
    assert not [stack.name for stack in rendered.stacks if stack.tasks]
    assert "MigrationSecurityGroup" not in {one for pair in connections(rendered, INGRESS) for one in pair[:2]}


# WB-08: logs, alarms, dashboard


@pytest.mark.row("WB-08")
@both
def test_what_containers_say_goes_to_log_groups_that_forget(environment):
    rendered = fargate(environment)
    groups = rendered.resources(LOG_GROUP)
    assert {name: one["Properties"]["RetentionInDays"] for name, one in groups.items()} == {
        "ApiLogGroup": 30,
        "MigrationLogGroup": 30,
    }
    for stack, group in (("service", "ApiLogGroup"), ("migration", "MigrationLogGroup")):
        log = container(rendered, stack)["LogConfiguration"]
        assert (log["LogDriver"], log["Options"]["awslogs-group"]) == ("awslogs", ref(group))


@pytest.mark.row("WB-08")
@both
def test_tasks_the_way_in_and_the_database_are_watched_by_what_they_are(environment):
    rendered = fargate(environment)
    balancer = attribute("PublicLoadBalancer", "LoadBalancerFullName")
    hosts = {"LoadBalancer": balancer, "TargetGroup": attribute("ApiTargetGroup", "TargetGroupFullName")}
    service = {
        "ClusterName": {"Fn::Select": [1, {"Fn::Split": ["/", ref("ApiService")]}]},
        "ServiceName": attribute("ApiService", "Name"),
    }
    watched = dimensions(rendered)
    assert {name: watched[name] for name in watched if name.startswith("Api")} == {
        "ApiDeploymentAlarm": {"HTTPCode_Target_5XX_Count": hosts},
        "ApiErrorRateAlarm": {
            "HTTPCode_Target_5XX_Count": {"LoadBalancer": balancer},
            "HTTPCode_ELB_5XX_Count": {"LoadBalancer": balancer},
            "RequestCount": {"LoadBalancer": balancer},
        },
        "ApiLatencyAlarm": {"TargetResponseTime": {"LoadBalancer": balancer}},
        "ApiUnhealthyHostsAlarm": {"UnHealthyHostCount": hosts},
        "ApiHealthyHostsAlarm": {"HealthyHostCount": hosts},
        "ApiCpuAlarm": {"CPUUtilization": service},
        "ApiMemoryAlarm": {"MemoryUtilization": service},
    }


@pytest.mark.row("WB-08")
@both
def test_the_dashboard_shows_requests_tasks_and_the_database(environment):
    rendered = fargate(environment)
    body, names = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    for metric in (
        "RequestCount",
        "TargetResponseTime",
        "HealthyHostCount",
        "CPUUtilization",
        "MemoryUtilization",
        "DatabaseConnections",
        "FreeStorageSpace",
    ):
        assert metric in body
    assert names["Cluster"] == ref("ApiCluster")
    assert names["LoadBalancer"] == attribute("PublicLoadBalancer", "LoadBalancerFullName")
    assert names["Database"] == ref("DatabaseIdentifier")


# WB-10: rolling or blue/green


@pytest.mark.row("WB-10")
@both
def test_rolling_keeps_every_old_task_until_new_ones_are_well_and_turns_back_by_itself(environment):
    deployment = fargate(environment).one("AWS::ECS::Service")["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (100, 200)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert deployment["Alarms"] == {"AlarmNames": [ref("ApiDeploymentAlarm")], "Enable": True, "Rollback": True}
    assert "Strategy" not in deployment


@pytest.mark.row("WB-10")
@both
def test_blue_green_moves_all_traffic_at_once_and_keeps_the_old_tasks_for_a_while(environment):
    rendered = fargate(environment, deployment="blue-green", bake_minutes=7)
    service = rendered.one("AWS::ECS::Service")
    deployment = service["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 7)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    (registered,) = service["LoadBalancers"]
    moved = registered["AdvancedConfiguration"]
    assert registered["TargetGroupArn"] == ref("ApiTargetGroup")
    assert moved["AlternateTargetGroupArn"] == ref("ApiGreenTargetGroup")
    assert moved["ProductionListenerRule"] == ref("ApiProductionRule")


@pytest.mark.row("WB-10")
@both
def test_the_rule_whose_weights_ecs_moves_is_left_to_ecs(environment):
    rendered = fargate(environment, deployment="blue-green")
    owned = {stack.name: stack.owned_by_ecs for stack in rendered.stacks if stack.owned_by_ecs}
    assert owned == {"platform": ["ApiProductionRule"]}
    (action,) = rendered.resources(LISTENER_RULE)["ApiProductionRule"]["Properties"]["Actions"]
    weights = {one["TargetGroupArn"]["Ref"]: one["Weight"] for one in action["ForwardConfig"]["TargetGroups"]}
    assert weights == {"ApiTargetGroup": 100, "ApiGreenTargetGroup": 0}


@pytest.mark.row("WB-10", "WB-08")
def test_alarms_look_at_both_groups_because_either_may_have_the_traffic():
    watched = dimensions(fargate(deployment="blue-green"))
    assert watched.keys() >= {"ApiUnhealthyHostsAlarm", "ApiHealthyHostsAlarm", "ApiDeploymentAlarm"}
    body = as_written(FARGATE, deployment="blue-green").templates
    for stack, alarm in (("monitoring", "ApiHealthyHostsAlarm"), ("service", "ApiDeploymentAlarm")):
        written = text(body[stack]["Resources"][alarm])
        assert "ApiTargetGroup1FullName" in written
        assert "ApiTargetGroup2FullName" in written


@pytest.mark.row("WB-01", "WB-05")
def test_prod_costs_more_than_dev_where_that_buys_availability_and_nowhere_else():
    dev, prod = fargate(), fargate("prod")
    assert (dev.one(INSTANCE)["MultiAZ"], prod.one(INSTANCE)["MultiAZ"]) == (False, True)
    assert len(dev.all("AWS::EC2::NatGateway")) == len(prod.all("AWS::EC2::NatGateway")) == 1
    assert set(prod.resources(BUCKET)) - set(dev.resources(BUCKET)) == {"AccessLogBucket"}
    assert set(dev.resources(ALARM)) == set(prod.resources(ALARM))
