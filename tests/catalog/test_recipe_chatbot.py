"""Recipe Chatbot: the rows RC-01 to RC-25, on what all stacks of an environment render together."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from blueprints.catalog import recipe_chatbot
from blueprints.catalog.recipe_chatbot import Settings
from blueprints.model.errors import SettingsError
from blueprints.render.files import environment as jinja
from blueprints.render.writing import manifest_of
from tests.catalog.rendered import Rendered, render, text, values

ENVIRONMENTS = ["dev", "prod"]
PARTS = ["backend", "frontend"]
PORTS = {"backend": 8000, "frontend": 3000}

both = pytest.mark.parametrize("environment", ENVIRONMENTS)
each = pytest.mark.parametrize("part", PARTS)

TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
SCALING = "AWS::ApplicationAutoScaling::ScalingPolicy"


def followed(value: Any, template: Mapping[str, Any], producers: Mapping[str, Mapping[str, Any]]) -> Any:
    """A value with what it reads from other stacks in the place of Fn::GetStackOutput."""
    if isinstance(value, list):
        return [followed(item, template, producers) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetStackOutput" in value:
        wanted = value["Fn::GetStackOutput"]
        name = template["Parameters"][wanted["StackName"]["Ref"]]["Default"]
        return producers[name]["Outputs"][wanted["OutputName"]]["Value"]
    return {key: followed(item, template, producers) for key, item in value.items()}


def chatbot(environment: str, **settings: Any) -> Rendered:
    """The architecture as if its stacks were one: values of other stacks are followed to where they come from."""
    rendered = render("recipe-chatbot", environment, **settings)
    producers = {stack.stack_name: rendered.templates[stack.name] for stack in rendered.stacks}
    return Rendered(
        rendered.stacks,
        {name: followed(template, template, producers) for name, template in rendered.templates.items()},
    )


def resource(rendered: Rendered, part: str, kind: str) -> dict[str, Any]:
    """The properties of what a service has one of: its Service, TaskDefinition, ScalableTarget."""
    found: dict[str, Any] = rendered.templates[part]["Resources"][f"{part.title()}{kind}"]["Properties"]
    return found


def containers(rendered: Rendered, part: str) -> dict[str, dict[str, Any]]:
    definitions = resource(rendered, part, "TaskDefinition")["ContainerDefinitions"]
    return {container["Name"]: container for container in definitions}


def groups_of(part: str, environment: str) -> list[str]:
    """Logical ids of the target groups of a service: two where ECS moves traffic between them."""
    name = part.title()
    return [f"{name}TargetGroup", *([f"{name}GreenTargetGroup"] if environment == "prod" else [])]


def statements_of(rendered: Rendered, role: str) -> dict[str, dict[str, Any]]:
    return {one["Sid"]: one for name, one in rendered.statements() if name == role}


def metrics_of(alarm: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [one["MetricStat"] for one in alarm["Metrics"] if "MetricStat" in one]


def dimension(value: str, attribute: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [value, attribute]}


BALANCER = dimension("PublicLoadBalancer", "LoadBalancerFullName")


# RC-01: a cluster and two services


@pytest.mark.row("RC-01")
@both
def test_two_services_run_on_fargate_in_one_cluster(environment):
    rendered = chatbot(environment)
    assert rendered.one("AWS::ECS::Cluster")["ClusterName"] == f"recipe-chatbot-cluster-{environment}"
    services = rendered.resources("AWS::ECS::Service")
    assert set(services) == {"BackendService", "FrontendService"}
    for part in PARTS:
        service, task = resource(rendered, part, "Service"), resource(rendered, part, "TaskDefinition")
        assert service["Cluster"] == {"Ref": "ChatbotCluster"}
        assert service["ServiceName"] == f"recipe-chatbot-{part}-{environment}"
        assert service["TaskDefinition"] == {"Ref": f"{part.title()}TaskDefinition"}
        assert service["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE", "Weight": 1}]
        assert task["RequiresCompatibilities"] == ["FARGATE"]
        assert task["NetworkMode"] == "awsvpc"


@pytest.mark.row("RC-01")
@both
@pytest.mark.parametrize(("part", "cpu", "memory"), [("backend", "512", "1024"), ("frontend", "256", "512")])
def test_a_task_has_the_documented_size_and_port(environment, part, cpu, memory):
    rendered = chatbot(environment)
    task, parameters = resource(rendered, part, "TaskDefinition"), rendered.templates[part]["Parameters"]
    assert (task["Cpu"], task["Memory"]) == ({"Ref": f"{part.title()}Cpu"}, {"Ref": f"{part.title()}Memory"})
    assert parameters[f"{part.title()}Cpu"]["Default"] == cpu
    assert parameters[f"{part.title()}Memory"]["Default"] == memory
    (mapping,) = containers(rendered, part)[part]["PortMappings"]
    assert (mapping["ContainerPort"], mapping["Protocol"]) == (PORTS[part], "tcp")
    (balancer,) = resource(rendered, part, "Service")["LoadBalancers"]
    assert (balancer["ContainerName"], balancer["ContainerPort"]) == (part, PORTS[part])


@pytest.mark.row("RC-01", "RC-07")
@both
@each
def test_a_new_tag_is_a_new_task_definition(environment, part):
    """The document's --force-new-deployment starts the same image again: nothing names the new tag."""
    rendered = chatbot(environment)
    image = containers(rendered, part)[part]["Image"]["Fn::Sub"]
    assert image.endswith(f"/recipe-chatbot-{part}:${{ImageTag}}")
    assert "Default" not in rendered.templates[part]["Parameters"]["ImageTag"]
    stack = next(one for one in rendered.stacks if one.name == part)
    assert [(one.repository, one.parameter) for one in stack.images] == [(f"recipe-chatbot-{part}", "ImageTag")]


@pytest.mark.row("RC-01", "RC-15")
@both
@each
def test_no_update_sets_the_number_of_tasks_back_or_replaces_the_service(environment, part):
    assert not {"DesiredCount", "LaunchType"} & resource(chatbot(environment), part, "Service").keys()


# RC-02: the network


@pytest.mark.row("RC-02")
@both
def test_the_vpc_has_the_documented_subnets_in_two_zones(environment):
    rendered = chatbot(environment)
    assert rendered.one("AWS::EC2::VPC")["CidrBlock"] == "10.0.0.0/16"
    subnets = rendered.resources("AWS::EC2::Subnet")
    found = {
        name: (one["Properties"]["CidrBlock"], one["Properties"]["AvailabilityZone"]["Fn::Select"][0])
        for name, one in subnets.items()
    }
    assert found == {
        "MainPublicSubnet1": ("10.0.1.0/24", 0),
        "MainPublicSubnet2": ("10.0.2.0/24", 1),
        "MainPrivateSubnet1": ("10.0.3.0/24", 0),
        "MainPrivateSubnet2": ("10.0.4.0/24", 1),
    }


def ways_out(rendered: Rendered) -> dict[str, dict[str, Any]]:
    """Where each subnet sends what leaves the VPC."""
    defaults = {
        route["RouteTableId"]["Ref"]: route.get("GatewayId") or route["NatGatewayId"]
        for route in rendered.all("AWS::EC2::Route")
        if route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }
    return {
        one["SubnetId"]["Ref"]: defaults[one["RouteTableId"]["Ref"]]
        for one in rendered.all("AWS::EC2::SubnetRouteTableAssociation")
    }


@pytest.mark.row("RC-02")
@pytest.mark.parametrize(("environment", "zones"), [("dev", [1]), ("prod", [1, 2])])
def test_nat_gateways_stand_in_public_subnets_one_a_zone_in_prod_and_one_in_dev(environment, zones):
    rendered = chatbot(environment)
    gateways = rendered.resources("AWS::EC2::NatGateway")
    assert [one["Properties"]["SubnetId"] for one in gateways.values()] == [
        {"Ref": f"MainPublicSubnet{zone}"} for zone in zones
    ]
    assert [one["Properties"]["AllocationId"] for one in gateways.values()] == [
        {"Fn::GetAtt": [f"MainNatAddress{zone}", "AllocationId"]} for zone in zones
    ]
    # A gateway that is made before the VPC has its way to the internet fails.
    assert all("MainInternetGatewayAttachment" in one["DependsOn"] for one in gateways.values())
    assert ways_out(rendered) == {
        "MainPublicSubnet1": {"Ref": "MainInternetGateway"},
        "MainPublicSubnet2": {"Ref": "MainInternetGateway"},
        "MainPrivateSubnet1": {"Ref": "MainNatGateway1"},
        "MainPrivateSubnet2": {"Ref": f"MainNatGateway{zones[-1]}"},
    }


@pytest.mark.row("RC-02")
@both
@each
def test_tasks_run_in_private_subnets_without_addresses_of_their_own(environment, part):
    place = resource(chatbot(environment), part, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert place["Subnets"] == [{"Ref": "MainPrivateSubnet1"}, {"Ref": "MainPrivateSubnet2"}]
    assert place["AssignPublicIp"] == "DISABLED"


# RC-03: the load balancer


@pytest.mark.row("RC-03")
@both
def test_the_load_balancer_faces_the_internet_from_the_public_subnets(environment):
    balancer = chatbot(environment).one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert (balancer["Type"], balancer["Scheme"]) == ("application", "internet-facing")
    assert balancer["Subnets"] == [{"Ref": "MainPublicSubnet1"}, {"Ref": "MainPublicSubnet2"}]


@pytest.mark.row("RC-03")
@both
def test_port_443_speaks_tls_with_forward_secrecy_only_and_leads_to_the_frontend(environment):
    listeners = {one["Port"]: one for one in chatbot(environment).all(LISTENER)}
    assert set(listeners) == {80, 443}
    https = listeners[443]
    assert https["Protocol"] == "HTTPS"
    # The document's ELBSecurityPolicy-TLS-1-2-2017-01 still offers key exchanges without forward secrecy.
    assert https["SslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    assert https["Certificates"] == [{"CertificateArn": {"Ref": "PublicCertificate"}}]
    (action,) = https["DefaultActions"]
    assert (action["Type"], action["TargetGroupArn"]) == ("forward", {"Ref": "FrontendTargetGroup"})


@pytest.mark.row("RC-03")
@both
def test_port_80_redirects_for_good(environment):
    listeners = {one["Port"]: one for one in chatbot(environment).all(LISTENER)}
    assert listeners[80]["Protocol"] == "HTTP"
    assert listeners[80]["DefaultActions"] == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]


def forwards(rule: Mapping[str, Any]) -> dict[str, int | None]:
    """The target groups that a rule leads to, with their weights."""
    (action,) = rule["Actions"]
    assert action["Type"] == "forward"
    if "TargetGroupArn" in action:
        return {action["TargetGroupArn"]["Ref"]: None}
    return {one["TargetGroupArn"]["Ref"]: one.get("Weight") for one in action["ForwardConfig"]["TargetGroups"]}


def conditions(rule: Mapping[str, Any]) -> dict[str, Any]:
    return {one["Field"]: next(item for key, item in one.items() if key != "Field") for one in rule["Conditions"]}


@pytest.mark.row("RC-03")
@both
def test_the_rule_of_priority_100_leads_to_the_backend(environment):
    rules = {one["Priority"]: one for one in chatbot(environment).all(LISTENER_RULE)}
    # FastAPI's /docs reads /openapi.json, which the document forgot.
    assert conditions(rules[100]) == {
        "path-pattern": {"Values": ["/api/*", "/health", "/docs", "/openapi.json"]},
    }
    assert set(forwards(rules[100])) == set(groups_of("backend", environment))
    assert rules[100]["ListenerArn"] == {"Ref": "PublicHttpsListener"}


@pytest.mark.row("RC-03")
@both
def test_a_rule_has_no_more_than_the_five_values_that_elastic_load_balancing_takes(environment):
    for rule in chatbot(environment).all(LISTENER_RULE):
        assert sum(len(one["Values"]) for one in conditions(rule).values()) <= 5


# RC-04: the target groups


@pytest.mark.row("RC-04")
@both
@pytest.mark.parametrize(("part", "path"), [("backend", "/health"), ("frontend", "/")])
def test_target_groups_ask_for_health_as_documented(environment, part, path):
    groups = chatbot(environment).resources(TARGET_GROUP)
    mine = {name: one["Properties"] for name, one in groups.items() if name.startswith(part.title())}
    assert list(mine) == groups_of(part, environment)
    documented = {
        "Protocol": "HTTP",
        "Port": PORTS[part],
        # Without it a target group takes instances, which Fargate's tasks are not.
        "TargetType": "ip",
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPath": path,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 3,
        "HealthCheckTimeoutSeconds": 5,
        "HealthCheckIntervalSeconds": 30,
    }
    for group in mine.values():
        assert {key: group[key] for key in documented} == documented
        assert group["HealthCheckPort"] in {"traffic-port", str(PORTS[part])}
        assert group["VpcId"] == {"Ref": "MainVpc"}


# RC-05: security groups

ANYWHERE = "0.0.0.0/0"
CONNECTIONS = {
    (ANYWHERE, "PublicSecurityGroup", 80),
    (ANYWHERE, "PublicSecurityGroup", 443),
    ("PublicSecurityGroup", "BackendSecurityGroup", 8000),
    ("PublicSecurityGroup", "FrontendSecurityGroup", 3000),
    ("FrontendSecurityGroup", "BackendSecurityGroup", 8000),
    ("BackendSecurityGroup", ANYWHERE, 443),
    ("FrontendSecurityGroup", ANYWHERE, 443),
}


def end(rule: Mapping[str, Any], *keys: str) -> str:
    """Who stands at an end of a rule: a group's logical id or a range of addresses."""
    (value,) = [rule[key] for key in keys if key in rule]
    return str(value if isinstance(value, str) else value["Fn::GetAtt"][0])


def connections(rendered: Rendered, type_: str) -> list[tuple[str, str, int]]:
    """From, to and port of every rule of a kind; each is of one TCP port."""
    found = []
    for rule in rendered.all(type_):
        assert rule["IpProtocol"] == "tcp"
        assert rule["FromPort"] == rule["ToPort"]
        group = end(rule, "GroupId")
        if type_ == INGRESS:
            found.append((end(rule, "SourceSecurityGroupId", "CidrIp", "CidrIpv6"), group, rule["FromPort"]))
        else:
            found.append((group, end(rule, "DestinationSecurityGroupId", "CidrIp", "CidrIpv6"), rule["FromPort"]))
    assert len(found) == len(set(found))
    return found


@pytest.mark.row("RC-05")
@both
def test_the_documented_connections_are_open_at_both_ends_and_no_others_at_either(environment):
    rendered = chatbot(environment)
    groups = set(rendered.resources("AWS::EC2::SecurityGroup"))
    assert groups == {"PublicSecurityGroup", "BackendSecurityGroup", "FrontendSecurityGroup"}
    assert set(connections(rendered, INGRESS)) == {one for one in CONNECTIONS if one[1] in groups}
    assert set(connections(rendered, EGRESS)) == {one for one in CONNECTIONS if one[0] in groups}


@pytest.mark.row("RC-05")
@both
def test_groups_have_no_rules_beside_those(environment):
    """Without a rule of its own CloudFormation lets a group out to everywhere, so each has one that leads nowhere."""
    for group in chatbot(environment).all("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in group
        (nowhere,) = group["SecurityGroupEgress"]
        assert (nowhere["IpProtocol"], nowhere["CidrIp"]) == ("-1", "127.0.0.1/32")


@pytest.mark.row("RC-05")
@both
def test_each_group_is_on_what_it_is_named_for(environment):
    rendered = chatbot(environment)
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["SecurityGroups"] == [{"Fn::GetAtt": ["PublicSecurityGroup", "GroupId"]}]
    for part in PARTS:
        place = resource(rendered, part, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert place["SecurityGroups"] == [{"Fn::GetAtt": [f"{part.title()}SecurityGroup", "GroupId"]}]


@pytest.mark.row("RC-05")
@both
@each
def test_no_task_starts_before_its_connections_are_open(environment, part):
    rendered = chatbot(environment)
    template = rendered.templates[part]["Resources"]
    rules = [name for name, one in template.items() if one["Type"] in {INGRESS, EGRESS}]
    assert set(template[f"{part.title()}Service"]["DependsOn"]) >= set(rules)


# RC-06: the public name


@pytest.mark.row("RC-06")
@pytest.mark.parametrize(("dual_stack", "types"), [(False, ["A"]), (True, ["A", "AAAA"])])
def test_the_public_name_is_an_alias_of_the_load_balancer(dual_stack, types):
    rendered = chatbot("prod", dual_stack=dual_stack)
    records = rendered.all("AWS::Route53::RecordSet")
    assert [record["Type"] for record in records] == types
    for record in records:
        assert record["Name"] == {"Ref": "DomainName"}
        assert record["HostedZoneId"] == {"Ref": "HostedZoneId"}
        assert record["AliasTarget"] == {
            "DNSName": {"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]},
            "HostedZoneId": {"Fn::GetAtt": ["PublicLoadBalancer", "CanonicalHostedZoneID"]},
            "EvaluateTargetHealth": True,
        }
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["IpAddressType"] == ("dualstack" if dual_stack else "ipv4")


@pytest.mark.row("RC-06")
def test_route_53_asks_the_public_name_for_health_and_the_critical_topic_hears():
    rendered = chatbot("prod")
    check = rendered.one("AWS::Route53::HealthCheck")["HealthCheckConfig"]
    assert (check["Type"], check["Port"]) == ("HTTPS", 443)
    assert check["FullyQualifiedDomainName"] == {"Ref": "DomainName"}
    assert check["ResourcePath"] == "/health"
    alarm = rendered.resources("AWS::CloudWatch::Alarm")["PublicHealthCheckAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/Route53", "HealthCheckStatus")
    assert values(alarm["Dimensions"]) == {"HealthCheckId": {"Ref": "PublicHealthCheck"}}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["AlarmActions"] == [{"Ref": "CriticalTopic"}]


@pytest.mark.row("RC-06")
def test_dev_is_not_asked_from_outside():
    assert not chatbot("dev").all("AWS::Route53::HealthCheck")


# RC-07: images


@pytest.mark.row("RC-07")
@both
def test_two_repositories_clean_up_after_themselves(environment):
    rendered = chatbot(environment)
    repositories = {one["RepositoryName"]: one for one in rendered.all("AWS::ECR::Repository")}
    assert set(repositories) == {"recipe-chatbot-backend", "recipe-chatbot-frontend"}
    for repository in repositories.values():
        rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
        assert [(one["selection"]["tagStatus"], one["action"]["type"]) for one in rules] == [
            ("untagged", "expire"),
            ("any", "expire"),
        ]
        assert repository["ImageTagMutability"] == "IMMUTABLE"
        assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}


@pytest.mark.row("RC-07")
def test_both_environments_run_images_of_the_same_repositories():
    dev, prod = (render("recipe-chatbot", environment) for environment in ENVIRONMENTS)
    assert dev.stacks[0].shared
    assert dev.stacks[0].stack_name == prod.stacks[0].stack_name == "recipe-chatbot-registry"
    assert dev.templates["registry"] == prod.templates["registry"]


# RC-08: keys

KEYS = {
    "OPENAI_API_KEY": ("OpenAiKeySecret", "recipe-chatbot/openai-key"),
    "SERP_API_KEY": ("SerpKeySecret", "recipe-chatbot/serp-key"),
}


@pytest.mark.row("RC-08")
@both
def test_the_two_keys_have_a_place_and_no_value(environment):
    secrets = chatbot(environment).resources("AWS::SecretsManager::Secret")
    assert {name: one["Properties"]["Name"] for name, one in secrets.items()} == {
        name: f"{documented}-{environment}" for name, documented in KEYS.values()
    }
    for secret in secrets.values():
        assert not {"SecretString", "GenerateSecretString"} & secret["Properties"].keys()


@pytest.mark.row("RC-08")
@both
def test_ecs_reads_one_member_of_each_secret_in_the_form_that_it_takes(environment):
    """The document's :SecretString:api_key is CloudFormation's syntax; ECS has <full ARN>:<key>:<stage>:<version>."""
    secrets = values(containers(chatbot(environment), "backend")["backend"]["Secrets"], value="ValueFrom")
    for variable, (secret, _) in KEYS.items():
        # Ref of a secret is its full ARN, with the six characters that Secrets Manager puts behind the name.
        assert secrets[variable] == {"Fn::Sub": f"${{{secret}}}:api_key::"}


@pytest.mark.row("RC-08")
@both
def test_nothing_but_the_backend_is_told_a_key(environment):
    rendered = chatbot(environment)
    told = {
        (name, secret["Name"])
        for part in PARTS
        for name, container in containers(rendered, part).items()
        for secret in container.get("Secrets", [])
        if secret["Name"] in KEYS
    }
    assert told == {("backend", variable) for variable in KEYS}


@pytest.mark.row("RC-08")
@both
def test_a_deployment_asks_for_both_values_before_the_backend(environment):
    rendered = render("recipe-chatbot", environment)
    settings = rendered.stacks[0].settings
    manifest = manifest_of("recipe-chatbot", settings, list(rendered.stacks))
    waiting = {entry.name: entry.secrets for entry in manifest.stacks if entry.secrets}
    assert list(waiting) == ["backend"]
    assert [(one.name, one.kind, one.stack, one.output, one.json_key) for one in waiting["backend"]] == [
        ("OPENAI_API_KEY", "secretsmanager", "data", "OpenAiKeyArn", "api_key"),
        ("SERP_API_KEY", "secretsmanager", "data", "SerpKeyArn", "api_key"),
    ]


# RC-09: configuration

CONFIGURATION = {
    "ENVIRONMENT": ("EnvironmentParameter", "environment"),
    "LOG_LEVEL": ("LogLevelParameter", "log-level"),
    "CORS_ORIGINS": ("CorsOriginsParameter", "cors-origins"),
}


@pytest.mark.row("RC-09")
@pytest.mark.parametrize(
    ("environment", "expected"), [("dev", ["development", "DEBUG"]), ("prod", ["production", "INFO"])]
)
def test_configuration_stands_in_three_parameters(environment, expected):
    parameters = chatbot(environment).resources("AWS::SSM::Parameter")
    assert {name: one["Properties"]["Name"] for name, one in parameters.items()} == {
        name: f"/recipe-chatbot/{environment}/{documented}" for name, documented in CONFIGURATION.values()
    }
    assert {one["Properties"]["Type"] for one in parameters.values()} == {"String"}
    # The document allows the public name to call the backend from browsers.
    assert [one["Properties"]["Value"] for one in parameters.values()] == [
        *expected,
        {"Fn::Sub": "https://${DomainName}"},
    ]


@pytest.mark.row("RC-09")
@both
def test_the_backend_reads_them_when_it_starts(environment):
    rendered = chatbot(environment)
    container = containers(rendered, "backend")["backend"]
    secrets = values(container["Secrets"], value="ValueFrom")
    for variable, (parameter, _) in CONFIGURATION.items():
        # The parameter's name, which Ref gives, begins with the slash that its ARN has after "parameter".
        arn = f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter${{{parameter}}}"
        assert secrets[variable] == {"Fn::Sub": arn}
    assert not CONFIGURATION.keys() & values(container["Environment"]).keys()
    assert secrets.keys() == {*KEYS, *CONFIGURATION}


@pytest.mark.row("RC-09")
@both
def test_a_changed_value_starts_new_tasks(environment):
    """ECS reads a parameter when a task starts and never again; a label with its value makes a new task definition."""
    label = text(containers(chatbot(environment), "backend")["backend"]["DockerLabels"])
    for parameter, _ in CONFIGURATION.values():
        assert f"${{{parameter}.Value}}" in label


# RC-10: logs


@pytest.mark.row("RC-10")
@both
@each
def test_each_service_writes_to_its_documented_log_group(environment, part):
    rendered = chatbot(environment)
    group = resource(rendered, part, "LogGroup")
    assert group["LogGroupName"] == f"/aws/ecs/recipe-chatbot/{part}-{environment}"
    assert group["RetentionInDays"] == 30
    for container in containers(rendered, part).values():
        log = container["LogConfiguration"]
        assert log["LogDriver"] == "awslogs"
        assert log["Options"]["awslogs-group"] == {"Ref": f"{part.title()}LogGroup"}


@pytest.mark.row("RC-10")
@both
def test_access_logs_of_the_load_balancer_are_delivered_to_where_they_can_be_searched(environment):
    """There is no nginx; Elastic Load Balancing writes its log itself, and CloudWatch Logs takes it as JSON."""
    rendered = chatbot(environment)
    source = rendered.one("AWS::Logs::DeliverySource")
    destination = rendered.one("AWS::Logs::DeliveryDestination")
    delivery = rendered.one("AWS::Logs::Delivery")
    assert (source["LogType"], source["ResourceArn"]) == ("ALB_ACCESS_LOGS", {"Ref": "PublicLoadBalancer"})
    assert (destination["DeliveryDestinationType"], destination["OutputFormat"]) == ("CWL", "json")
    assert destination["DestinationResourceArn"] == {"Fn::GetAtt": ["PublicLogGroup", "Arn"]}
    assert delivery["DeliverySourceName"] == {"Ref": "PublicDeliverySource"}
    assert delivery["DeliveryDestinationArn"] == {"Fn::GetAtt": ["PublicDeliveryDestination", "Arn"]}
    group = rendered.templates["platform"]["Resources"]["PublicLogGroup"]
    assert group["Properties"]["LogGroupName"] == f"/aws/ecs/recipe-chatbot/load-balancer-{environment}"
    assert group["Properties"]["RetentionInDays"] == 30


@pytest.mark.row("RC-10")
def test_prod_keeps_its_logs_and_dev_leaves_none_behind():
    kept = {
        environment: {one["DeletionPolicy"] for one in chatbot(environment).resources("AWS::Logs::LogGroup").values()}
        for environment in ENVIRONMENTS
    }
    assert kept == {"dev": {"Delete"}, "prod": {"RetainExceptOnCreate"}}


# RC-11: metrics

NAMESPACES = {"prod": "RecipeChatbot/LLM", "dev": "RecipeChatbot/LLM/dev"}


@pytest.mark.row("RC-11")
@both
def test_every_documented_metric_is_made_of_the_backends_log(environment):
    filters = chatbot(environment).all("AWS::Logs::MetricFilter")
    assert {one["LogGroupName"]["Ref"] for one in filters} == {"BackendLogGroup"}
    made = {change["MetricName"] for one in filters for change in one["MetricTransformations"]}
    assert made >= {
        "chat_requests_total",
        "cooking_queries_ratio",
        "tool_usage_count",
        "response_time_p95",
        "llm_token_usage",
        "error_rate",
        "QueueDepth",
    }


@pytest.mark.row("RC-11", "RC-12", "RC-13", "RC-15", "RC-19")
@both
def test_whoever_writes_or_reads_a_metric_of_the_application_names_one_namespace(environment):
    """Prod has the document's; another environment of the same account must not scale prod by its own queue."""
    rendered = chatbot(environment)
    backend = containers(rendered, "backend")
    filters = [
        change["MetricNamespace"]
        for one in rendered.all("AWS::Logs::MetricFilter")
        for change in one["MetricTransformations"]
    ]
    (queue,) = [one for one in queue_metrics(rendered) if one["MetricName"] == "QueueDepth"]
    collector = values(backend["collector"]["Environment"])["AOT_CONFIG_CONTENT"]["Fn::Sub"][1]
    named = {
        values(backend["backend"]["Environment"])["METRIC_NAMESPACE"],
        rendered.statement("PutMetrics")["Condition"]["StringEquals"]["cloudwatch:namespace"],
        collector["METRICS_NAMESPACE"],
        queue["Namespace"],
        *filters,
        *re.findall(
            r'RecipeChatbot/[^"\\,]+', rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"][0]
        ),
    }
    assert named == {NAMESPACES[environment]}


def queue_metrics(rendered: Rendered) -> list[dict[str, Any]]:
    """What the policy on the queue reads."""
    policy = rendered.resources(SCALING)["BackendQueueDepthScaling"]["Properties"]
    asked = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    return [one["MetricStat"]["Metric"] for one in asked if "MetricStat" in one]


@pytest.mark.row("RC-11", "RC-15")
@both
def test_the_queue_is_read_under_the_dimension_that_it_is_written_under(environment):
    rendered = chatbot(environment)
    (written,) = [
        (one["FilterPattern"], change)
        for one in rendered.all("AWS::Logs::MetricFilter")
        for change in one["MetricTransformations"]
        if change["MetricName"] == "QueueDepth"
    ]
    (read,) = [one for one in queue_metrics(rendered) if one["MetricName"] == "QueueDepth"]
    assert (
        [one["Key"] for one in written[1]["Dimensions"]] == [one["Name"] for one in read["Dimensions"]] == ["Service"]
    )
    assert values(read["Dimensions"]) == {"Service": "Backend"}
    assert written[1]["MetricValue"] == "$.depth"


# RC-12: tracing


@pytest.mark.row("RC-12")
@both
def test_a_collector_beside_the_backend_takes_otlp_from_the_same_task_alone(environment):
    rendered = chatbot(environment)
    assert list(containers(rendered, "backend")) == ["backend", "collector"]
    assert list(containers(rendered, "frontend")) == ["frontend"]
    collector = containers(rendered, "backend")["collector"]
    assert "/aws-observability/aws-otel-collector:" in collector["Image"]
    assert "PortMappings" not in collector
    configuration = values(collector["Environment"])["AOT_CONFIG_CONTENT"]["Fn::Sub"][0]
    assert re.findall(r"endpoint: (\S+:431\d)", configuration) == ["127.0.0.1:4317", "127.0.0.1:4318"]


@pytest.mark.row("RC-12")
@both
def test_traces_go_to_x_ray_and_metrics_to_cloudwatch(environment):
    collector = containers(chatbot(environment), "backend")["collector"]
    configuration, given = values(collector["Environment"])["AOT_CONFIG_CONTENT"]["Fn::Sub"]
    pipelines = configuration.partition("\n  pipelines:\n")[2]
    assert re.findall(r"(\w+):\n +receivers: \[(\w+)\].*\n.*\n? +exporters: \[(\w+)\]", pipelines) == [
        ("traces", "otlp", "awsxray"),
        ("metrics", "otlp", "awsemf"),
    ]
    assert given["METRICS_LOG_GROUP"] == {"Ref": "BackendMetricsLogGroup"}
    assert set(re.findall(r"\$\{(\w+)\}", configuration)) == given.keys()


@pytest.mark.row("RC-12")
@both
def test_the_application_is_told_where_to_send_its_spans(environment):
    """The document's http://jaeger:14250 is another protocol's port of a service that nobody runs."""
    container = containers(chatbot(environment), "backend")["backend"]
    told = values(container["Environment"])
    assert told["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://localhost:4317"
    assert told["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc"
    assert container["DependsOn"] == [{"ContainerName": "collector", "Condition": "START"}]


@pytest.mark.row("RC-12")
@both
def test_an_application_does_not_go_down_with_its_collector(environment):
    backend = containers(chatbot(environment), "backend")
    assert (backend["backend"]["Essential"], backend["collector"]["Essential"]) == (True, False)


# RC-13: the dashboard


def widgets(rendered: Rendered) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every graph with the heading that it stands under."""
    heading = ""
    body = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"][0]
    for one in json.loads(body)["widgets"]:
        if one["type"] == "text":
            heading = one["properties"]["markdown"].lstrip("# ")
        else:
            yield heading, one["properties"]


@pytest.mark.row("RC-13")
@both
def test_the_dashboard_shows_the_documents_four_groups_at_their_periods(environment):
    shown: dict[str, dict[str, int]] = {}
    for heading, graph in widgets(chatbot(environment)):
        shown.setdefault(heading, {})[graph["title"]] = graph["period"]
    documented = {
        "Service health": (300, {"CPUUtilization", "MemoryUtilization", "HealthyHostCount"}),
        "Business metrics": (60, {"ChatRequestsPerMinute", "CookingQueryRatio", "ToolUsageDistribution"}),
        "Error tracking": (60, {"HTTPErrorRate", "LLMFailureRate", "ToolTimeouts"}),
        "Performance": (300, {"ResponseTimeP95", "TokensPerSecond", "ConcurrentConnections"}),
    }
    assert list(shown) == list(documented)
    for heading, (period, titles) in documented.items():
        assert set(shown[heading].values()) == {period}
        assert titles <= shown[heading].keys()


@pytest.mark.row("RC-13")
@both
def test_every_gap_in_the_dashboard_is_filled_by_what_is_there(environment):
    rendered = chatbot(environment)
    body, names = rendered.one("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    assert set(re.findall(r"\$\{(\w+)\}", body)) == names.keys()
    assert names["LoadBalancer"] == BALANCER
    assert names["Cluster"] == {"Ref": "ChatbotCluster"}
    groups = [group for part in PARTS for group in groups_of(part, environment)]
    filled = [value for name, value in names.items() if name not in {"LoadBalancer", "Cluster"}]
    assert filled == [dimension(group, "TargetGroupFullName") for group in groups]


# RC-14: alarms


@pytest.mark.row("RC-14")
@both
def test_more_than_five_percent_errors_in_five_minutes_alert(environment):
    alarm = chatbot(environment).resources("AWS::CloudWatch::Alarm")["HighErrorRateAlarm"]["Properties"]
    expression = (
        "100 * (FILL(target_errors, 0) + FILL(balancer_errors, 0)) / (FILL(requests, 0) + FILL(balancer_errors, 0))"
    )
    assert [one.get("Expression") for one in alarm["Metrics"] if one["ReturnData"]] == [expression]
    assert {one["Metric"]["MetricName"]: one["Stat"] for one in metrics_of(alarm)} == {
        "HTTPCode_Target_5XX_Count": "Sum",
        "HTTPCode_ELB_5XX_Count": "Sum",
        "RequestCount": "Sum",
    }
    for one in metrics_of(alarm):
        assert one["Period"] == 300
        assert one["Metric"]["Namespace"] == "AWS/ApplicationELB"
        assert values(one["Metric"]["Dimensions"]) == {"LoadBalancer": BALANCER}
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 5)
    assert alarm["EvaluationPeriods"] == 1
    assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]


@pytest.mark.row("RC-14")
@both
def test_answers_slower_than_five_seconds_alert(environment):
    alarm = chatbot(environment).resources("AWS::CloudWatch::Alarm")["HighResponseTimeAlarm"]["Properties"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/ApplicationELB", "TargetResponseTime")
    assert alarm["ExtendedStatistic"] == "p95"
    assert "Statistic" not in alarm
    # The document's 5000ms; the metric is in seconds.
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", 5)
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (300, 1)
    assert values(alarm["Dimensions"]) == {"LoadBalancer": BALANCER}
    assert alarm["AlarmActions"] == [{"Ref": "AlertsTopic"}]


@pytest.mark.row("RC-14")
@both
@each
def test_a_service_without_a_healthy_task_is_critical_after_a_minute(environment, part):
    """Each target group has hosts of its own to lose; where ECS moves traffic the two count together."""
    settings = {"sleep": False} if environment == "dev" else {}
    rendered = chatbot(environment, **settings)
    alarm = rendered.resources("AWS::CloudWatch::Alarm")[f"{part.title()}LowHealthyHostsAlarm"]["Properties"]
    assert [values(one["Metric"]["Dimensions"]) for one in metrics_of(alarm)] == [
        {"LoadBalancer": BALANCER, "TargetGroup": dimension(group, "TargetGroupFullName")}
        for group in groups_of(part, environment)
    ]
    for one in metrics_of(alarm):
        assert (one["Metric"]["Namespace"], one["Metric"]["MetricName"]) == ("AWS/ApplicationELB", "HealthyHostCount")
        assert one["Period"] == 60
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (1, 1)
    assert alarm["TreatMissingData"] == "breaching"
    assert alarm["AlarmActions"] == [{"Ref": "CriticalTopic"}]


@pytest.mark.row("RC-14")
@both
def test_one_metric_of_an_alarm_is_its_value(environment):
    for alarm in chatbot(environment).all("AWS::CloudWatch::Alarm"):
        if "Metrics" in alarm:
            assert [one["ReturnData"] for one in alarm["Metrics"]].count(True) == 1
            ids = {one["Id"] for one in alarm["Metrics"]}
            for one in alarm["Metrics"]:
                assert set(re.findall(r"\b[a-z]\w*", one.get("Expression", ""))) <= ids


@pytest.mark.row("RC-14")
@both
def test_two_encrypted_topics_have_the_documented_names(environment):
    rendered = chatbot(environment)
    topics = rendered.resources("AWS::SNS::Topic")
    assert {name: one["Properties"]["TopicName"] for name, one in topics.items()} == {
        "AlertsTopic": f"recipe-chatbot-alerts-{environment}",
        "CriticalTopic": f"recipe-chatbot-critical-{environment}",
    }
    assert {one["Properties"]["KmsMasterKeyId"]["Ref"] for one in topics.values()} == {"CriticalKey"}
    assert not rendered.all("AWS::SNS::Subscription")


@pytest.mark.row("RC-14")
@both
def test_alarms_may_use_the_key_and_the_topics(environment):
    """An alarm that must not use the topic's key sends nothing, and says so only in its history."""
    rendered = chatbot(environment)
    (key,) = rendered.resources("AWS::KMS::Key").values()
    statements = key["Properties"]["KeyPolicy"]["Statement"]
    (encrypt,) = [one for one in statements if one["Principal"] == {"Service": ["cloudwatch.amazonaws.com"]}]
    assert set(encrypt["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    for policy in rendered.all("AWS::SNS::TopicPolicy"):
        allowed = {
            text(one["Principal"]): one["Action"]
            for one in policy["PolicyDocument"]["Statement"]
            if one["Effect"] == "Allow"
        }
        assert allowed["Service cloudwatch.amazonaws.com"] == ["sns:Publish"]


@pytest.mark.row("RC-14")
@both
def test_both_topics_can_be_subscribed_by_mail(environment):
    rendered = chatbot(environment, alert_email="look@example.com", critical_email="now@example.com")
    subscriptions = rendered.all("AWS::SNS::Subscription")
    assert {(one["TopicArn"]["Ref"], one["Protocol"], one["Endpoint"]) for one in subscriptions} == {
        ("AlertsTopic", "email", "look@example.com"),
        ("CriticalTopic", "email", "now@example.com"),
    }


# RC-15: scaling


@pytest.mark.row("RC-15")
@pytest.mark.parametrize(("part", "most"), [("backend", 20), ("frontend", 10)])
def test_prod_scales_between_the_documented_bounds(part, most):
    rendered = chatbot("prod")
    target, parameters = resource(rendered, part, "ScalableTarget"), rendered.templates[part]["Parameters"]
    assert target["MinCapacity"] == {"Ref": f"{part.title()}MinimumTasks"}
    assert target["MaxCapacity"] == {"Ref": f"{part.title()}MaximumTasks"}
    assert parameters[f"{part.title()}MinimumTasks"]["Default"] == 2
    assert parameters[f"{part.title()}MaximumTasks"]["Default"] == most
    assert (target["ServiceNamespace"], target["ScalableDimension"]) == ("ecs", "ecs:service:DesiredCount")
    assert f"Ref {part.title()}Service" in text(target["ResourceId"])


def tracked(rendered: Rendered, part: str) -> dict[str, tuple[float, int, int]]:
    """What a service is scaled by: target and cooldowns of every policy."""
    found = {}
    for policy in rendered.all(SCALING):
        if policy["ScalingTargetId"] == {"Ref": f"{part.title()}ScalableTarget"}:
            assert policy["PolicyType"] == "TargetTrackingScaling"
            how = policy["TargetTrackingScalingPolicyConfiguration"]
            by = how.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", "custom")
            found[by] = (how["TargetValue"], how["ScaleInCooldown"], how["ScaleOutCooldown"])
    return found


@pytest.mark.row("RC-15")
def test_prods_services_follow_the_documented_targets_with_the_documented_cooldowns():
    rendered = chatbot("prod")
    assert tracked(rendered, "backend") == {
        "ECSServiceAverageCPUUtilization": (70, 300, 300),
        "ECSServiceAverageMemoryUtilization": (80, 300, 300),
        "custom": (5, 300, 300),
    }
    assert tracked(rendered, "frontend") == {"ECSServiceAverageCPUUtilization": (70, 300, 300)}


@pytest.mark.row("RC-15")
def test_the_queue_is_shared_among_the_tasks_that_run():
    """What waits in all is no measure of one task: halved load with twice the tasks has to look halved."""
    rendered = chatbot("prod")
    policy = rendered.resources(SCALING)["BackendQueueDepthScaling"]["Properties"]
    asked = policy["TargetTrackingScalingPolicyConfiguration"]["CustomizedMetricSpecification"]["Metrics"]
    (result,) = [one for one in asked if one["ReturnData"]]
    ids = {one["Id"]: one["MetricStat"]["Metric"] for one in asked if "MetricStat" in one}
    depth, tasks = re.fullmatch(r"(\w+) / (\w+)", result["Expression"]).groups()
    assert ids[depth]["MetricName"] == "QueueDepth"
    assert (ids[tasks]["Namespace"], ids[tasks]["MetricName"]) == ("ECS/ContainerInsights", "RunningTaskCount")
    assert values(ids[tasks]["Dimensions"]) == {
        "ClusterName": {"Ref": "ChatbotCluster"},
        "ServiceName": {"Fn::GetAtt": ["BackendService", "Name"]},
    }
    # Without Container Insights nobody counts the tasks.
    assert values(rendered.one("AWS::ECS::Cluster")["ClusterSettings"])["containerInsights"] in {"enabled", "enhanced"}


# RC-16: sleep


@pytest.mark.row("RC-16")
@each
def test_dev_runs_no_tasks_outside_working_hours(part):
    rendered = chatbot("dev")
    target, name = resource(rendered, part, "ScalableTarget"), part.title()
    actions = {one["ScheduledActionName"]: one for one in target["ScheduledActions"]}
    assert {key: (one["Schedule"], one["Timezone"]) for key, one in actions.items()} == {
        "wake-up": ("cron(0 7 ? * MON-FRI *)", "UTC"),
        "go-to-sleep": ("cron(0 20 * * ? *)", "UTC"),
    }
    assert actions["go-to-sleep"]["ScalableTargetAction"] == {"MinCapacity": 0, "MaxCapacity": 0}
    assert actions["wake-up"]["ScalableTargetAction"] == {
        "MinCapacity": {"Ref": f"{name}MinimumTasks"},
        "MaxCapacity": {"Ref": f"{name}MaximumTasks"},
    }
    # Only the clock can wake a service without tasks, so it has to wake one.
    assert rendered.templates[part]["Parameters"][f"{name}MinimumTasks"]["Default"] >= 1


@pytest.mark.row("RC-16")
def test_prod_never_sleeps():
    for target in chatbot("prod").all("AWS::ApplicationAutoScaling::ScalableTarget"):
        assert "ScheduledActions" not in target
    with pytest.raises(SettingsError, match=r"^sleep: True is not allowed in prod, .*leave it out"):
        Settings(environment="prod", sleep=True)


# RC-17: the services know each other by name


@pytest.mark.row("RC-17")
@both
def test_the_frontend_calls_the_backend_by_its_name(environment):
    rendered = chatbot(environment)
    joined = {part: resource(rendered, part, "Service")["ServiceConnectConfiguration"] for part in PARTS}
    for one in joined.values():
        assert one["Enabled"] is True
        assert one["Namespace"] == {"Fn::GetAtt": ["ChatbotNamespace", "Arn"]}
    (known,) = joined["backend"]["Services"]
    (mapping,) = containers(rendered, "backend")["backend"]["PortMappings"]
    assert known["PortName"] == mapping["Name"]
    (alias,) = known["ClientAliases"]
    url = values(containers(rendered, "frontend")["frontend"]["Environment"])["BACKEND_URL"]
    assert url == f"http://{alias['DnsName']}:{alias['Port']}" == "http://backend:8000"


@pytest.mark.row("RC-17")
@both
def test_the_backend_is_there_before_the_frontend_looks_for_it(environment):
    """A task of Service Connect finds only services that were there when it was deployed."""
    names = list(chatbot(environment).templates)
    assert names.index("backend") < names.index("frontend")


# RC-18: deployments


@pytest.mark.row("RC-18")
@each
def test_dev_rolls_and_turns_a_failed_deployment_back(part):
    deployment = resource(chatbot("dev"), part, "Service")["DeploymentConfiguration"]
    assert deployment == {
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "Alarms": {"AlarmNames": [{"Ref": f"{part.title()}DeploymentAlarm"}], "Enable": True, "Rollback": True},
    }


@pytest.mark.row("RC-18")
@each
def test_prod_moves_traffic_between_two_target_groups(part):
    rendered = chatbot("prod")
    name, service = part.title(), resource(rendered, part, "Service")
    assert service["DeploymentConfiguration"] == {
        "Strategy": "BLUE_GREEN",
        "BakeTimeInMinutes": 10,
        "MaximumPercent": 200,
        "MinimumHealthyPercent": 100,
        # The API reference has it for rolling deployments only, the developer's guide for both kinds (Amazon ECS
        # Developer Guide, "Amazon ECS deployment failure detection").
        "DeploymentCircuitBreaker": {"Enable": True, "Rollback": True},
        "Alarms": {"AlarmNames": [{"Ref": f"{name}DeploymentAlarm"}], "Enable": True, "Rollback": True},
    }
    (balancer,) = service["LoadBalancers"]
    assert balancer["TargetGroupArn"] == {"Ref": f"{name}TargetGroup"}
    assert balancer["AdvancedConfiguration"] == {
        "AlternateTargetGroupArn": {"Ref": f"{name}GreenTargetGroup"},
        "ProductionListenerRule": {"Ref": f"{name}ProductionRule"},
        "TestListenerRule": {"Ref": f"{name}TestRule"},
        "RoleArn": {"Fn::GetAtt": [f"{name}DeploymentRole", "Arn"]},
    }


@pytest.mark.row("RC-18")
@both
@each
def test_errors_of_the_services_own_tasks_turn_a_deployment_back(environment, part):
    rendered = chatbot(environment)
    alarm = resource(rendered, part, "DeploymentAlarm")
    assert [values(one["Metric"]["Dimensions"]) for one in metrics_of(alarm)] == [
        {"LoadBalancer": BALANCER, "TargetGroup": dimension(group, "TargetGroupFullName")}
        for group in groups_of(part, environment)
    ]
    assert {one["Metric"]["MetricName"] for one in metrics_of(alarm)} == {"HTTPCode_Target_5XX_Count"}
    # No requests are no reason to turn back.
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.row("RC-18")
def test_test_traffic_is_asked_for_before_production_takes_it():
    rendered = chatbot("prod")
    rules = {name: one["Properties"] for name, one in rendered.resources(LISTENER_RULE).items()}
    priorities = {name: one["Priority"] for name, one in rules.items()}
    assert len(set(priorities.values())) == len(priorities)
    tests = [priority for name, priority in priorities.items() if name.endswith("TestRule")]
    production = [priority for name, priority in priorities.items() if name.endswith("ProductionRule")]
    assert (len(tests), len(production)) == (2, 2)
    assert max(tests) < min(production)
    # The frontend takes everything, so the backend's paths are asked for before.
    assert priorities["BackendTestRule"] < priorities["FrontendTestRule"]
    assert priorities["BackendProductionRule"] < priorities["FrontendProductionRule"]


@pytest.mark.row("RC-18")
@each
def test_a_test_rule_asks_for_a_header_and_otherwise_for_what_production_takes(part):
    resources = chatbot("prod").templates["platform"]["Resources"]
    production, tests = (resources[f"{part.title()}{kind}Rule"]["Properties"] for kind in ("Production", "Test"))
    header = conditions(tests)["http-header"]
    assert (header["HttpHeaderName"], header["Values"]) == ("X-Deployment", ["green"])
    assert {key: value for key, value in conditions(tests).items() if key != "http-header"} == conditions(production)
    assert tests["ListenerArn"] == production["ListenerArn"]


@pytest.mark.row("RC-18")
@each
def test_rules_begin_with_all_traffic_on_the_first_target_group(part):
    resources = chatbot("prod").templates["platform"]["Resources"]
    rule = resources[f"{part.title()}ProductionRule"]["Properties"]
    assert forwards(rule) == {f"{part.title()}TargetGroup": 100, f"{part.title()}GreenTargetGroup": 0}


@pytest.mark.row("RC-18")
def test_updates_leave_alone_the_rules_that_ecs_rewrites():
    rendered = render("recipe-chatbot", "prod")
    stack = next(one for one in rendered.stacks if one.name == "platform")
    rules = set(rendered.resources(LISTENER_RULE))
    assert set(stack.owned_by_ecs) == rules
    denied = [one for one in stack.stack_policy["Statement"] if one["Effect"] == "Deny" and one["Action"] == "Update:*"]
    assert [set(one["Resource"]) for one in denied] == [{f"LogicalResourceId/{rule}" for rule in rules}]
    manifest = manifest_of("recipe-chatbot", stack.settings, list(rendered.stacks))
    (entry,) = [one for one in manifest.stacks if one.name == "platform"]
    assert set(entry.owned_by_ecs) == rules
    assert entry.stack_policy == stack.stack_policy


@pytest.mark.row("RC-18")
def test_a_rolling_deployment_leaves_nothing_to_ecs():
    rendered = render("recipe-chatbot", "dev")
    assert [stack.owned_by_ecs for stack in rendered.stacks] == [[] for _ in rendered.stacks]


# RC-19: permissions


@pytest.mark.row("RC-19")
@both
def test_the_backends_execution_role_reads_its_own_secrets_and_writes_its_own_log(environment):
    allowed = statements_of(chatbot(environment), "BackendExecutionRole")
    assert {sid: one["Action"] for sid, one in allowed.items()} == {
        "LogInToRegistry": ["ecr:GetAuthorizationToken"],
        "PullImage": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
        "WriteToBackendLogGroup": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "ReadSecrets": ["secretsmanager:GetSecretValue"],
        "ReadParameters": ["ssm:GetParameters"],
    }
    # Of recipe-chatbot/* in every account and Region, as the document has it, these two are what the task reads.
    assert allowed["ReadSecrets"]["Resource"] == [{"Ref": secret} for secret, _ in KEYS.values()]
    assert [text(one) for one in allowed["ReadParameters"]["Resource"]] == [
        f"Fn::Sub arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:${{AWS::AccountId}}:parameter${{{parameter}}}"
        for parameter, _ in CONFIGURATION.values()
    ]
    assert allowed["WriteToBackendLogGroup"]["Resource"] == [{"Fn::GetAtt": ["BackendLogGroup", "Arn"]}]
    assert text(allowed["PullImage"]["Resource"]).endswith(":repository/recipe-chatbot-backend")


@pytest.mark.row("RC-19")
@both
def test_the_frontends_roles_know_no_secret_and_no_other_log(environment):
    rendered = chatbot(environment)
    allowed = statements_of(rendered, "FrontendExecutionRole")
    assert allowed.keys() == {"LogInToRegistry", "PullImage", "WriteToFrontendLogGroup"}
    assert allowed["WriteToFrontendLogGroup"]["Resource"] == [{"Fn::GetAtt": ["FrontendLogGroup", "Arn"]}]
    assert text(allowed["PullImage"]["Resource"]).endswith(":repository/recipe-chatbot-frontend")
    assert statements_of(rendered, "FrontendTaskRole") == {}


@pytest.mark.row("RC-12", "RC-19")
@both
def test_the_backends_tasks_may_send_metrics_and_traces_and_nothing_else(environment):
    """Secrets are read by the execution role, before the container starts: the document had them on this one."""
    allowed = statements_of(chatbot(environment), "BackendTaskRole")
    assert {sid: (one["Action"], one["Resource"]) for sid, one in allowed.items()} == {
        "PutMetrics": (["cloudwatch:PutMetricData"], ["*"]),
        "SendTraces": (
            [
                "xray:GetSamplingRules",
                "xray:GetSamplingTargets",
                "xray:PutTelemetryRecords",
                "xray:PutTraceSegments",
            ],
            ["*"],
        ),
        "WriteToBackendMetricsLogGroup": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [{"Fn::GetAtt": ["BackendMetricsLogGroup", "Arn"]}],
        ),
    }
    # StringEquals knows no wildcards: the document's RecipeChatbot/* would match no namespace.
    assert allowed["PutMetrics"]["Condition"] == {"StringEquals": {"cloudwatch:namespace": NAMESPACES[environment]}}


@pytest.mark.row("RC-19")
@both
@each
def test_a_task_has_its_own_two_roles_that_only_ecs_takes_on(environment, part):
    rendered = chatbot(environment)
    task = resource(rendered, part, "TaskDefinition")
    for kind in ("Execution", "Task"):
        role = f"{part.title()}{kind}Role"
        assert task[f"{kind}RoleArn"] == {"Fn::GetAtt": [role, "Arn"]}
        (trust,) = rendered.templates[part]["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": ["ecs-tasks.amazonaws.com"]}


@pytest.mark.row("RC-19")
@pytest.mark.parametrize(
    ("environment", "others"),
    [("dev", set()), ("prod", {"BackendDeploymentRole", "FrontendDeploymentRole", "KeyRotationReminderRole"})],
)
def test_nobody_else_has_a_role_but_who_moves_traffic_and_who_reminds(environment, others):
    rendered = chatbot(environment)
    roles = rendered.resources("AWS::IAM::Role")
    tasks = {f"{part.title()}{kind}Role" for part in PARTS for kind in ("Execution", "Task")}
    assert roles.keys() == tasks | others
    managed = {
        name: text(one["Properties"]["ManagedPolicyArns"])
        for name, one in roles.items()
        if name in others and "ManagedPolicyArns" in one["Properties"]
    }
    policy = "Fn::Sub arn:${AWS::Partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    assert managed == {name: policy for name in others if name.endswith("DeploymentRole")}
    assert not [name for name in tasks if "ManagedPolicyArns" in roles[name]["Properties"]]


# RC-20: the web ACL


@pytest.mark.row("RC-20")
def test_prod_has_the_documented_rules_before_its_load_balancer():
    rendered = chatbot("prod")
    acl = rendered.one("AWS::WAFv2::WebACL")
    assert (acl["Scope"], acl["DefaultAction"]) == ("REGIONAL", {"Allow": {}})
    managed = [one for one in acl["Rules"] if "ManagedRuleGroupStatement" in one["Statement"]]
    assert {one["Statement"]["ManagedRuleGroupStatement"]["Name"] for one in managed} == {
        "AWSManagedRulesCommonRuleSet",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesAmazonIpReputationList",
    }
    for rule in managed:
        # A rule group brings its own actions; WAF refuses an Action beside it, which no linter says.
        assert rule["OverrideAction"] == {"None": {}}
        assert "Action" not in rule
    (limit,) = [one for one in acl["Rules"] if "RateBasedStatement" in one["Statement"]]
    assert limit["Statement"]["RateBasedStatement"] == {"Limit": 2000, "AggregateKeyType": "IP"}
    assert limit["Action"] == {"Block": {}}
    assert sorted(one["Priority"] for one in acl["Rules"]) == list(range(len(acl["Rules"])))
    assert rendered.one("AWS::WAFv2::WebACLAssociation") == {
        "ResourceArn": {"Ref": "PublicLoadBalancer"},
        "WebACLArn": {"Fn::GetAtt": ["PublicWebAcl", "Arn"]},
    }


@pytest.mark.row("RC-20")
def test_long_messages_are_counted_and_not_blocked():
    rules = {one["Name"]: one for one in chatbot("prod").one("AWS::WAFv2::WebACL")["Rules"]}
    group = rules["AWSManagedRulesCommonRuleSet"]["Statement"]["ManagedRuleGroupStatement"]
    assert group["RuleActionOverrides"] == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]


@pytest.mark.row("RC-20")
def test_what_the_web_acl_saw_is_logged_without_what_opens_a_session():
    rendered = chatbot("prod")
    logging = rendered.one("AWS::WAFv2::LoggingConfiguration")
    assert logging["ResourceArn"] == {"Fn::GetAtt": ["PublicWebAcl", "Arn"]}
    assert logging["LogDestinationConfigs"] == [{"Fn::GetAtt": ["PublicWebAclLogGroup", "Arn"]}]
    assert {one["SingleHeader"]["Name"] for one in logging["RedactedFields"]} == {"authorization", "cookie"}
    group = rendered.templates["platform"]["Resources"]["PublicWebAclLogGroup"]["Properties"]
    # WAF writes to log groups whose names begin like this, and to no others.
    assert text(group["LogGroupName"]).startswith("Fn::Sub aws-waf-logs-")


# RC-21: network ACLs

INTERNET, PUBLIC, PRIVATE = "198.51.100.7", "10.0.1.9", "10.0.3.9"
OTHER_ZONE = {PUBLIC: "10.0.2.9", PRIVATE: "10.0.4.9"}
EPHEMERAL = 40_000  # Linux and Fargate: 32768 to 60999


def lets_through(rendered: Rendered, acl: str, *, egress: bool, address: str, port: int) -> bool:
    """Whether a TCP packet passes: entries are asked in order of their numbers, and the last word is no."""
    entries = [
        one["Properties"]
        for one in rendered.resources("AWS::EC2::NetworkAclEntry").values()
        if one["Properties"]["NetworkAclId"] == {"Ref": acl} and one["Properties"].get("Egress", False) is egress
    ]
    for entry in sorted(entries, key=lambda one: one["RuleNumber"]):
        ports = entry.get("PortRange", {"From": 0, "To": 65535})
        of_tcp = int(entry["Protocol"]) in {6, -1}
        near = "CidrBlock" in entry and ipaddress.ip_address(address) in ipaddress.ip_network(entry["CidrBlock"])
        if of_tcp and near and ports["From"] <= port <= ports["To"]:
            return bool(entry["RuleAction"] == "allow")
    return False


def connects(rendered: Rendered, start: str, goal: str, port: int) -> bool:
    """Whether a connection can be opened and answered, through the network ACLs of both ends."""
    acls = {"10.0.1": "MainPublicNetworkAcl", "10.0.2": "MainPublicNetworkAcl"}
    acls |= {"10.0.3": "MainPrivateNetworkAcl", "10.0.4": "MainPrivateNetworkAcl"}
    packets = []
    if acl := acls.get(start.rpartition(".")[0]):
        packets += [(acl, True, goal, port), (acl, False, goal, EPHEMERAL)]
    if acl := acls.get(goal.rpartition(".")[0]):
        packets += [(acl, False, start, port), (acl, True, start, EPHEMERAL)]
    return all(
        lets_through(rendered, acl, egress=egress, address=address, port=number)
        for acl, egress, address, number in packets
    )


@pytest.mark.row("RC-21")
@both
def test_every_subnet_has_a_network_acl_of_its_kind(environment):
    associations = chatbot(environment).all("AWS::EC2::SubnetNetworkAclAssociation")
    assert {one["SubnetId"]["Ref"]: one["NetworkAclId"]["Ref"] for one in associations} == {
        f"Main{kind}Subnet{zone}": f"Main{kind}NetworkAcl" for kind in ("Public", "Private") for zone in (1, 2)
    }


@pytest.mark.row("RC-21")
@both
@pytest.mark.parametrize(
    ("start", "goal", "port"),
    [
        (INTERNET, PUBLIC, 80),
        (INTERNET, PUBLIC, 443),
        (PUBLIC, PRIVATE, 8000),
        (PUBLIC, OTHER_ZONE[PRIVATE], 8000),
        (PUBLIC, PRIVATE, 3000),
        (PUBLIC, OTHER_ZONE[PRIVATE], 3000),
        (PRIVATE, OTHER_ZONE[PRIVATE], 8000),
        (OTHER_ZONE[PRIVATE], PRIVATE, 8000),
        (PRIVATE, INTERNET, 443),
        (PUBLIC, INTERNET, 443),
    ],
)
def test_the_documented_flows_pass_the_network_acls_both_ways(environment, start, goal, port):
    assert connects(chatbot(environment), start, goal, port)


@pytest.mark.row("RC-21")
@both
@pytest.mark.parametrize("port", [22, 25, 53, 445, 1023])
def test_no_other_port_of_a_public_subnet_is_reached_from_the_internet(environment, port):
    assert not connects(chatbot(environment), INTERNET, PUBLIC, port)


@pytest.mark.row("RC-21")
@both
@pytest.mark.parametrize("port", [22, 80, 443, 3000, 5432, 8000])
def test_no_port_of_a_private_subnet_is_reached_from_the_internet(environment, port):
    assert not connects(chatbot(environment), INTERNET, PRIVATE, port)


@pytest.mark.row("RC-21")
@both
@pytest.mark.parametrize(
    ("start", "goal", "port"),
    [
        (PRIVATE, OTHER_ZONE[PRIVATE], 3000),
        (PRIVATE, OTHER_ZONE[PRIVATE], 22),
        (PUBLIC, PRIVATE, 22),
        (PUBLIC, PRIVATE, 443),
        (PRIVATE, INTERNET, 22),
        (PRIVATE, INTERNET, 25),
    ],
)
def test_what_the_document_does_not_have_does_not_pass_between_subnets(environment, start, goal, port):
    assert not connects(chatbot(environment), start, goal, port)


@pytest.mark.row("RC-21")
@both
def test_answers_are_all_that_a_wide_range_of_ports_is_open_for(environment):
    """A network ACL knows no connections, so ports that calls come from are open for the answers."""
    for entry in chatbot(environment).all("AWS::EC2::NetworkAclEntry"):
        ports = entry["PortRange"]
        assert entry["Protocol"] == 6
        assert ports["From"] == ports["To"] or (ports["From"] >= 1024 and ports["To"] == 65535)


# RC-22: GuardDuty


@pytest.mark.row("RC-22")
def test_the_detector_is_in_the_accounts_stack_and_in_none_of_the_chatbots():
    """A Region has one detector; a second one fails, so no environment may bring its own."""
    for environment in ENVIRONMENTS:
        assert not chatbot(environment).all("AWS::GuardDuty::Detector")
    assert render("account", "prod").one("AWS::GuardDuty::Detector")["Enable"] is True


# RC-23: rotation


@pytest.mark.row("RC-23")
def test_prod_tells_the_critical_topic_each_quarter_to_rotate_the_keys():
    rendered = chatbot("prod")
    schedule = rendered.one("AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "cron(0 9 1 1,4,7,10 ? *)"
    assert schedule.get("State", "ENABLED") == "ENABLED"
    target = schedule["Target"]
    assert target["Arn"] == {"Ref": "CriticalTopic"}
    assert target["RoleArn"] == {"Fn::GetAtt": ["KeyRotationReminderRole", "Arn"]}
    assert "OpenAI" in target["Input"]
    assert "SERP" in target["Input"]
    allowed = statements_of(rendered, "KeyRotationReminderRole")
    assert (allowed["Publish"]["Action"], allowed["Publish"]["Resource"]) == (["sns:Publish"], [target["Arn"]])
    # The topic is encrypted, and the message is written in the role's name.
    assert allowed["EncryptMessages"]["Resource"] == [{"Fn::GetAtt": ["CriticalKey", "Arn"]}]
    assert set(allowed["EncryptMessages"]["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


@pytest.mark.row("RC-23")
def test_dev_reminds_nobody_and_rotates_nothing():
    rendered = chatbot("dev")
    assert not rendered.all("AWS::Scheduler::Schedule")
    assert not rendered.all("AWS::SecretsManager::RotationSchedule")


# RC-24: tags


def tag_property(type_: str) -> str | None:
    """The property that takes a resource's tags, as the resource's schema has it; none where it takes none."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema
    tagging = schema.get("tagging", {"taggable": schema.get("taggable", True)})
    name = tagging.get("tagProperty", "/properties/Tags").rpartition("/")[2]
    return name if tagging["taggable"] and name in schema["properties"] else None


@pytest.mark.row("RC-24")
@both
def test_every_resource_that_takes_tags_carries_the_documented_four(environment):
    rendered = chatbot(environment, health_check=True, waf=True, key_rotation="reminder", dual_stack=True)
    tagged = 0
    for stack, template in rendered.templates.items():
        expected = {
            "Project": "recipe-chatbot",
            "Environment": "shared" if stack == "registry" else environment,
            "Owner": "AI-Team",
            # The document's R&D has a character that IAM and ECS refuse in tags.
            "CostCenter": "RnD",
        }
        for name, one in template["Resources"].items():
            key = tag_property(one["Type"])
            if key is not None:
                given = one["Properties"].get(key)
                pairs = given if isinstance(given, dict) else values(given, key="Key")
                assert expected.items() <= pairs.items(), name
                tagged += 1
    assert tagged > 50


@pytest.mark.row("RC-24")
@both
@each
def test_tasks_carry_the_tags_of_their_service(environment, part):
    service = resource(chatbot(environment), part, "Service")
    assert service["PropagateTags"] == "SERVICE"
    assert service["EnableECSManagedTags"] is True


@pytest.mark.row("RC-24")
@both
def test_stacks_carry_the_tags_too(environment):
    for stack in render("recipe-chatbot", environment).stacks:
        assert stack.tags.keys() == {"Project", "Environment", "Owner", "CostCenter"}


# RC-25: containers


@pytest.mark.row("RC-25")
@both
@each
def test_every_container_runs_without_root_on_a_read_only_file_system(environment, part):
    for name, container in containers(chatbot(environment), part).items():
        assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", container["User"]), name
        assert container["ReadonlyRootFilesystem"] is True, name
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}, name
        assert not container.get("Privileged"), name


@pytest.mark.row("RC-25")
@both
@pytest.mark.parametrize(("part", "writable"), [("backend", ["/tmp"]), ("frontend", ["/tmp", "/app/.next/cache"])])  # noqa: S108
def test_what_an_application_has_to_write_goes_to_memory(environment, part, writable):
    container = containers(chatbot(environment), part)[part]
    assert [one["ContainerPath"] for one in container["LinuxParameters"]["Tmpfs"]] == writable


@pytest.mark.row("RC-25")
@pytest.mark.parametrize(
    ("part", "base", "command"), [("backend", "python", "uvicorn"), ("frontend", "node", "server.js")]
)
def test_a_dockerfile_of_several_stages_ends_without_root(part, base, command):
    written = dockerfile(part)
    stages = re.findall(r"^FROM (\S+)(?: AS (\S+))?", written, re.MULTILINE | re.IGNORECASE)
    assert len(stages) >= 2
    assert f"/{base}:" in written
    assert re.search(r"^COPY .*--from=", written, re.MULTILINE), "the last stage takes what an earlier one has built"
    last = written[written.rindex("\nFROM ") :]
    assert re.findall(r"^USER (\S+)", last, re.MULTILINE)[-1] == "1000:1000"
    assert re.search(rf"^EXPOSE {PORTS[part]}$", last, re.MULTILINE)
    assert re.search(rf"^(CMD|ENTRYPOINT) .*{re.escape(command)}", last, re.MULTILINE)


@pytest.mark.row("RC-25")
def test_no_dockerfile_has_the_documents_old_python_or_its_packages():
    assert "python:3.11" not in dockerfile("backend")
    assert "1.21.0" not in dockerfile("backend")


def dockerfile(part: str) -> str:
    """What is rendered for an application, as a person gets it."""
    files = {one.path: one for one in recipe_chatbot.files(Settings())}
    file = files[f"docker/{part}/Dockerfile"]
    return jinja().get_template(file.template).render(path=file.path, **file.values)
