"""Recipe Chatbot: what each setting changes in the templates, and what it refuses."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest

from blueprints.catalog import recipe_chatbot
from blueprints.catalog.recipe_chatbot import Settings
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict
from tests.catalog.rendered import Rendered, text, values

PARTS = ["backend", "frontend"]
NAMES = ["registry", "network", "data", "platform", "backend", "frontend", "monitoring"]

each = pytest.mark.parametrize("part", PARTS)

ALARM = "AWS::CloudWatch::Alarm"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
LOG_GROUP = "AWS::Logs::LogGroup"
INGRESS = "AWS::EC2::SecurityGroupIngress"
EGRESS = "AWS::EC2::SecurityGroupEgress"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"
TOPIC = "AWS::SNS::Topic"

# One choice at a time, and a few that go together: what holds for all of them holds for the architecture.
CHOICES: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {"environment": "prod"},
    "rolling prod": {"environment": "prod", "deployment": "rolling"},
    "blue-green dev": {"deployment": "blue-green"},
    "hooks": {"environment": "prod", "deployment_hook": True},
    "no tracing": {"tracing": False},
    "no access logs": {"access_logs": False},
    "no alarms": {"alarms": False},
    "no alarms in prod": {"environment": "prod", "alarms": False},
    "nothing watches": {
        "environment": "prod",
        "alarms": False,
        "health_check": False,
        "key_rotation": "none",
    },
    "web ACL in dev": {"waf": True},
    "no web ACL in prod": {"environment": "prod", "waf": False},
    "health check in dev": {"health_check": True},
    "health check in another Region": {"environment": "prod", "region": "eu-west-1"},
    "http": {"https": "off"},
    "own certificate": {"https": "certificate"},
    "dual stack": {"environment": "prod", "dual_stack": True},
    "existing VPC": {"existing_vpc": True},
    "existing VPC in prod": {"environment": "prod", "existing_vpc": True, "dual_stack": True},
    "no documented names": {"environment": "prod", "documented_names": False},
    "no rotation": {"environment": "prod", "key_rotation": "none"},
    "reminder": {"key_rotation": "reminder"},
    "function": {"key_rotation": "function"},
    "always awake": {"sleep": False},
    "shell on Graviton": {"shell": True, "arm": True, "capacity": "spot"},
    "Spot above the first": {"capacity": "spot-above-first"},
    "queue in each task": {"environment": "prod", "queue": "per-task"},
    "no queue": {"environment": "prod", "queue": "none", "slow_seconds": 30},
    "origins": {"cors_origins": ["https://recipe-chatbot.example.com"]},
    "no API pages": {"api_docs": False},
    "few clients": {"clients": "203.0.113.0/24"},
    "three zones": {"availability_zones": 3, "egress": "nat-per-zone", "flow_logs": True},
    "another project": {"project": "cookbook", "owner": None, "cost_center": None},
    "another environment": {"environment": "staging"},
}
every = pytest.mark.parametrize("settings", CHOICES.values(), ids=CHOICES.keys())


@cache
def rendered_once(settings: str) -> Rendered:
    stacks = tuple(recipe_chatbot.build(Settings(**json.loads(settings))))
    return Rendered(stacks, {stack.name: to_dict(stack) for stack in stacks})


def chatbot(environment: str = "dev", **settings: Any) -> Rendered:
    """The architecture under these settings; the same question is answered once."""
    return rendered_once(json.dumps({"environment": environment, **settings}, sort_keys=True))


def resource(rendered: Rendered, part: str, kind: str) -> dict[str, Any]:
    """The properties of what a service has one of: its Service, TaskDefinition, ScalableTarget."""
    found: dict[str, Any] = rendered.templates[part]["Resources"][f"{part.title()}{kind}"]["Properties"]
    return found


def containers(rendered: Rendered, part: str) -> dict[str, dict[str, Any]]:
    definitions = resource(rendered, part, "TaskDefinition")["ContainerDefinitions"]
    return {container["Name"]: container for container in definitions}


def told(rendered: Rendered, part: str) -> dict[str, Any]:
    """The plain variables of an application."""
    return values(containers(rendered, part)[part]["Environment"])


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every key with its value, at any depth."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key, item
            yield from inside(item)
    elif isinstance(value, list):
        for item in value:
            yield from inside(item)


def paths_to_backend(rendered: Rendered) -> list[str]:
    rule = rendered.resources(LISTENER_RULE)["BackendProductionRule"]["Properties"]
    (condition,) = rule["Conditions"]
    found: list[str] = condition["PathPatternConfig"]["Values"]
    return found


# What holds whatever is chosen


@every
def test_stacks_come_in_deploy_order(settings):
    names = list(chatbot(**settings).templates)
    assert names == [name for name in NAMES if name in names]
    assert {"registry", "data", "platform", "backend", "frontend"} <= set(names)


@every
def test_what_a_stack_reads_is_an_output_of_a_stack_before_it(settings):
    rendered = chatbot(**settings)
    before: dict[str, set[str]] = {}
    for stack in rendered.stacks:
        template = rendered.templates[stack.name]
        for key, value in inside(template["Resources"]):
            if key == "Fn::GetStackOutput":
                producer = template["Parameters"][value["StackName"]["Ref"]]["Default"]
                assert value["OutputName"] in before[producer]
        before[stack.stack_name] = set(template.get("Outputs", {}))


@every
def test_values_of_other_stacks_stand_where_cloudformation_takes_them(settings):
    """Fn::GetStackOutput is a whole value of a property: it may not stand in Fn::Sub, in Fn::Join or in an output."""
    for name, template in chatbot(**settings).templates.items():
        for key, value in inside(template):
            if key in {"Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Outputs", "Conditions"}:
                assert "Fn::GetStackOutput" not in json.dumps(value), name


@every
def test_no_parameter_is_asked_for_in_vain(settings):
    for name, template in chatbot(**settings).templates.items():
        used = json.dumps([template["Resources"], template.get("Outputs")])
        for parameter in template.get("Parameters", {}):
            assert f'{{"Ref": "{parameter}"}}' in used or f"${{{parameter}}}" in used, (name, parameter)


@every
def test_a_logical_id_means_one_thing_in_all_stacks(settings):
    listed = [name for template in chatbot(**settings).templates.values() for name in template["Resources"]]
    assert len(listed) == len(set(listed))


@every
def test_scripts_find_a_service_by_its_stacks_outputs(settings):
    rendered = chatbot(**settings)
    for part in PARTS:
        outputs = {name: one["Value"] for name, one in rendered.templates[part]["Outputs"].items()}
        assert outputs.keys() >= {"ClusterName", "ServiceName", "LogGroupName"}
        assert outputs["ServiceName"] == {"Fn::GetAtt": [f"{part.title()}Service", "Name"]}
        assert outputs["LogGroupName"] == {"Ref": f"{part.title()}LogGroup"}
        # An output cannot hand on the cluster of another stack; the service's ARN has its name.
        assert outputs["ClusterName"] == {"Fn::Select": [1, {"Fn::Split": ["/", {"Ref": f"{part.title()}Service"}]}]}


@pytest.mark.row("RC-05")
@every
def test_a_connection_between_groups_is_allowed_at_both_ends(settings):
    rendered = chatbot(**settings)

    def ends(rule: Mapping[str, Any], other: str) -> tuple[str, str, int]:
        return text(rule["GroupId"]), text(rule[other]), rule["FromPort"]

    leaving = {
        ends(rule, "DestinationSecurityGroupId")
        for rule in rendered.all(EGRESS)
        if "DestinationSecurityGroupId" in rule
    }
    entering = {
        ends(rule, "SourceSecurityGroupId") for rule in rendered.all(INGRESS) if "SourceSecurityGroupId" in rule
    }
    assert len(leaving) == 3
    assert {(goal, start, port) for start, goal, port in leaving} == entering


@every
def test_rules_of_a_listener_are_asked_in_an_order_of_their_own(settings):
    priorities = [one["Priority"] for one in chatbot(**settings).all(LISTENER_RULE)]
    assert len(priorities) == len(set(priorities))
    assert 100 in priorities


@pytest.mark.row("RC-24")
@every
def test_the_stamped_tags_are_on_whatever_has_tags(settings):
    rendered = chatbot(**settings)
    chosen = rendered.stacks[0].settings
    for stack in rendered.stacks:
        expected = {**chosen.stamped_tags, **({"Environment": "shared"} if stack.shared else {})}
        for name, one in rendered.templates[stack.name]["Resources"].items():
            for key in ("Tags", "HealthCheckTags"):
                if key in one.get("Properties", {}):
                    given = one["Properties"][key]
                    pairs = given if isinstance(given, dict) else values(given, key="Key")
                    assert expected.items() <= pairs.items(), name


# Environments


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            "dev",
            {"sleep": True, "log_level": "DEBUG", "backend_maximum_tasks": 2, "deployment": "rolling", "waf": False},
        ),
        ("prod", {"sleep": False, "log_level": "INFO", "backend_maximum_tasks": 20, "waf": True, "keep_data": True}),
        ("staging", {"sleep": False, "log_level": "INFO", "deployment": "rolling", "waf": False, "keep_data": False}),
    ],
)
def test_an_environment_brings_defaults(environment, expected):
    settings = Settings(environment=environment)
    assert {name: getattr(settings, name) for name in expected} == expected


def test_two_environments_share_an_account_without_sharing_a_name():
    """Images are shared on purpose; everything else that has a name has the environment's, too."""
    named = {
        environment: {
            value
            for name, template in chatbot(environment).templates.items()
            if name != "registry"
            for one in template["Resources"].values()
            for key, value in fixed_names(one)
        }
        for environment in ("dev", "prod")
    }
    assert len(named["dev"]) > 10
    assert named["dev"] & named["prod"] == set()


def fixed_names(one: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The names that a template gives a resource; a policy's is its own within what it belongs to."""
    for key, value in one.get("Properties", {}).items():
        if re.search(r"Name$|^Family$", key) and key not in {"PolicyName", "MetricName"} and isinstance(value, str):
            yield key, value


# Deployments


@pytest.mark.row("RC-18")
@each
def test_prod_can_roll(part):
    rendered = chatbot("prod", deployment="rolling")
    assert len(rendered.all(TARGET_GROUP)) == 2
    deployment = resource(rendered, part, "Service")["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert not {"Strategy", "BakeTimeInMinutes"} & deployment.keys()
    assert all("AdvancedConfiguration" not in one for one in resource(rendered, part, "Service")["LoadBalancers"])
    assert list(rendered.resources(LISTENER_RULE)) == ["BackendProductionRule"]
    assert [stack.owned_by_ecs for stack in rendered.stacks] == [[] for _ in rendered.stacks]


@pytest.mark.row("RC-18")
@each
def test_dev_can_move_traffic(part):
    rendered = chatbot(deployment="blue-green", bake_minutes=3)
    deployment = resource(rendered, part, "Service")["DeploymentConfiguration"]
    assert (deployment["Strategy"], deployment["BakeTimeInMinutes"]) == ("BLUE_GREEN", 3)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert len(rendered.all(TARGET_GROUP)) == 4
    assert len(rendered.all(LISTENER_RULE)) == 4


# What may change without a word in the actions of a rule that ECS rewrites: everything but `deployment`.
TOUCHY = {
    name: settings
    for name, settings in CHOICES.items()
    if settings.get("deployment") != "rolling" and settings.get("environment") == "prod"
}


@pytest.mark.row("RC-18")
@pytest.mark.parametrize("settings", TOUCHY.values(), ids=TOUCHY.keys())
def test_no_setting_but_deployment_changes_what_rules_of_ecs_do(settings):
    """An update that brought the template's weights back would send requests to target groups without tasks."""
    plain, chosen = chatbot("prod").resources(LISTENER_RULE), chatbot(**settings).resources(LISTENER_RULE)
    assert {name: one["Properties"] for name, one in plain.items()} == {
        name: one["Properties"] for name, one in chosen.items()
    }


@pytest.mark.row("RC-18")
@pytest.mark.parametrize(
    "settings",
    [{"api_docs": False}, {"https": "off", "health_check": False}, {"owner": "kitchen"}, {"project": "cook"}],
)
def test_where_a_rule_has_to_change_its_actions_stay(settings):
    plain, chosen = chatbot("prod").resources(LISTENER_RULE), chatbot("prod", **settings).resources(LISTENER_RULE)
    assert {name: one["Properties"]["Actions"] for name, one in plain.items()} == {
        name: one["Properties"]["Actions"] for name, one in chosen.items()
    }
    assert plain != chosen


@pytest.mark.row("RC-18")
def test_who_tests_a_deployment_can_agree_on_another_value_of_the_header():
    plain = chatbot("prod").templates["platform"]["Resources"]
    chosen = chatbot("prod", test_header="s3cret").templates["platform"]["Resources"]
    for part in ("Backend", "Frontend"):
        assert plain[f"{part}ProductionRule"] == chosen[f"{part}ProductionRule"]
        found = [one for one in chosen[f"{part}TestRule"]["Properties"]["Conditions"] if one["Field"] == "http-header"]
        assert [one["HttpHeaderConfig"] for one in found] == [{"HttpHeaderName": "X-Deployment", "Values": ["s3cret"]}]
        assert plain[f"{part}TestRule"]["Properties"]["Actions"] == chosen[f"{part}TestRule"]["Properties"]["Actions"]


@pytest.mark.row("RC-18")
@each
def test_a_function_can_be_asked_on_the_way(part):
    rendered = chatbot("prod", deployment_hook=True, hook_stages=("PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"))
    (hook,) = resource(rendered, part, "Service")["DeploymentConfiguration"]["LifecycleHooks"]
    assert hook == {
        "HookTargetArn": {"Ref": "DeploymentHookArn"},
        "LifecycleStages": ["PRE_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT"],
        "RoleArn": {"Fn::GetAtt": [f"{part.title()}HookRole", "Arn"]},
    }
    assert "Default" not in rendered.templates[part]["Parameters"]["DeploymentHookArn"]
    (allowed,) = [one for role, one in rendered.statements() if role == f"{part.title()}HookRole"]
    assert (allowed["Action"], allowed["Resource"]) == (["lambda:InvokeFunction"], [{"Ref": "DeploymentHookArn"}])


def test_without_a_function_nobody_is_asked():
    for service in chatbot("prod").all("AWS::ECS::Service"):
        assert "LifecycleHooks" not in service["DeploymentConfiguration"]


# Tracing, logs, alarms


@pytest.mark.row("RC-12")
def test_without_tracing_there_is_no_collector_and_nothing_of_it():
    rendered = chatbot(tracing=False)
    assert list(containers(rendered, "backend")) == ["backend"]
    assert not [name for name in told(rendered, "backend") if name.startswith("OTEL_")]
    assert "DependsOn" not in containers(rendered, "backend")["backend"]
    sids = [one["Sid"] for role, one in rendered.statements() if role == "BackendTaskRole"]
    assert sids == ["PutMetrics"]
    assert "BackendMetricsLogGroup" not in rendered.resources(LOG_GROUP)


@pytest.mark.row("RC-10")
def test_without_access_logs_nothing_is_delivered():
    rendered = chatbot(access_logs=False)
    assert "PublicLogGroup" not in rendered.resources(LOG_GROUP)
    for kind in ("DeliverySource", "DeliveryDestination", "Delivery"):
        assert not rendered.all(f"AWS::Logs::{kind}")


def test_logs_are_kept_as_long_as_asked():
    rendered = chatbot("prod", log_retention_days=90, flow_logs=True)
    groups = rendered.all(LOG_GROUP)
    assert len(groups) == 6
    assert {one["RetentionInDays"] for one in groups} == {90}


@pytest.mark.row("RC-14")
def test_without_alarms_dev_has_nothing_to_monitor():
    rendered = chatbot(alarms=False)
    assert "monitoring" not in rendered.templates
    assert set(rendered.resources(ALARM)) == {"BackendDeploymentAlarm", "FrontendDeploymentAlarm"}


@pytest.mark.row("RC-14")
def test_without_alarms_prods_critical_topic_stays_for_what_else_is_told():
    rendered = chatbot("prod", alarms=False)
    assert list(rendered.resources(TOPIC)) == ["CriticalTopic"]
    assert list(rendered.templates["monitoring"]["Outputs"]) == ["CriticalTopicArn", "HealthCheckId"]
    watching = {name for name in rendered.resources(ALARM) if not name.endswith("DeploymentAlarm")}
    assert watching == {"PublicHealthCheckAlarm"}


@pytest.mark.row("RC-14", "RC-16")
@each
def test_an_environment_that_sleeps_wakes_nobody_up_when_it_goes_to_sleep(part):
    """Its last tasks go within minutes, and then there is no metric at all."""
    alarm = chatbot().resources(ALARM)[f"{part.title()}LowHealthyHostsAlarm"]["Properties"]
    (metric,) = alarm["Metrics"]
    assert metric["MetricStat"]["Period"] == 60
    assert (alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]) == (5, 5)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.row("RC-14")
def test_what_is_slow_can_be_something_else():
    alarm = chatbot(slow_seconds=30).resources(ALARM)["HighResponseTimeAlarm"]["Properties"]
    assert (alarm["Threshold"], alarm["Period"], alarm["ExtendedStatistic"]) == (30, 300, "p95")


@pytest.mark.row("RC-14")
@pytest.mark.parametrize(("setting", "topic"), [("alert_email", "AlertsTopic"), ("critical_email", "CriticalTopic")])
def test_each_address_hears_its_own_topic(setting, topic):
    subscription = chatbot(**{setting: "somebody@example.com"}).one("AWS::SNS::Subscription")
    assert subscription["TopicArn"] == {"Ref": topic}
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "somebody@example.com")


@pytest.mark.row("RC-20")
def test_a_web_acl_can_stand_before_dev_and_be_left_out_in_prod():
    rules = chatbot(waf=True, waf_rate_limit=500).one("AWS::WAFv2::WebACL")["Rules"]
    assert [one["Statement"]["RateBasedStatement"]["Limit"] for one in rules if one["Name"] == "RateLimit"] == [500]
    for rendered in (chatbot(), chatbot("prod", waf=False)):
        types = {one["Type"] for template in rendered.templates.values() for one in template["Resources"].values()}
        assert not [type_ for type_ in types if type_.startswith("AWS::WAFv2::")]


@pytest.mark.row("RC-06")
def test_dev_can_be_asked_from_outside():
    rendered = chatbot(health_check=True)
    assert rendered.one("AWS::Route53::HealthCheck")["HealthCheckConfig"]["ResourcePath"] == "/health"
    assert "PublicHealthCheckAlarm" in rendered.resources(ALARM)
    assert not chatbot("prod", health_check=False).all("AWS::Route53::HealthCheck")


@pytest.mark.row("RC-06")
def test_outside_of_us_east_1_a_health_check_has_no_alarm_that_would_read_nothing():
    """CloudWatch has metrics of health checks there alone, and an alarm reads those of its own Region."""
    rendered = chatbot("prod", region="eu-west-1")
    assert rendered.all("AWS::Route53::HealthCheck")
    assert "PublicHealthCheckAlarm" not in rendered.resources(ALARM)


# The way in


@pytest.mark.row("RC-03")
def test_without_https_everything_is_on_port_80():
    rendered = chatbot(https="off")
    (listener,) = rendered.all(LISTENER)
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert listener["DefaultActions"][0]["TargetGroupArn"] == {"Ref": "FrontendTargetGroup"}
    assert {one["ListenerArn"]["Ref"] for one in rendered.all(LISTENER_RULE)} == {"PublicHttpListener"}
    assert [one["FromPort"] for one in rendered.all(INGRESS) if "CidrIp" in one] == [80]
    assert not rendered.all("AWS::CertificateManager::Certificate")
    assert not rendered.all("AWS::Route53::RecordSet")
    platform = rendered.templates["platform"]
    assert list(platform["Parameters"]) == ["NetworkStackName"]
    assert platform["Outputs"]["Url"]["Value"] == {"Fn::Sub": "http://${PublicLoadBalancer.DNSName}"}


@pytest.mark.row("RC-03")
def test_a_certificate_of_ones_own_is_a_parameter():
    rendered = chatbot(https="certificate")
    listeners = {one["Port"]: one for one in rendered.all(LISTENER)}
    assert listeners[443]["Certificates"] == [{"CertificateArn": {"Ref": "CertificateArn"}}]
    assert listeners[80]["DefaultActions"][0]["Type"] == "redirect"
    assert "Default" not in rendered.templates["platform"]["Parameters"]["CertificateArn"]
    assert not rendered.all("AWS::CertificateManager::Certificate")
    assert not rendered.all("AWS::Route53::RecordSet")


@pytest.mark.row("RC-03", "RC-06")
def test_a_domain_is_asked_for_or_given():
    asked = chatbot().templates["platform"]["Parameters"]
    assert not [name for name in ("DomainName", "HostedZoneId") if "Default" in asked[name]]
    given = chatbot(domain_name="chat.example.com", hosted_zone_id="Z0123456789ABC")
    parameters = given.templates["platform"]["Parameters"]
    assert parameters["DomainName"]["Default"] == "chat.example.com"
    assert parameters["HostedZoneId"]["Default"] == "Z0123456789ABC"
    certificate = given.one("AWS::CertificateManager::Certificate")
    assert (certificate["DomainName"], certificate["ValidationMethod"]) == ({"Ref": "DomainName"}, "DNS")


@pytest.mark.row("RC-06", "RC-21")
def test_dual_stack_opens_the_load_balancer_and_not_the_tasks_to_ipv6():
    rendered = chatbot(dual_stack=True)
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["IpAddressType"] == "dualstack"
    assert [one["Type"] for one in rendered.all("AWS::Route53::RecordSet")] == ["A", "AAAA"]
    over_ipv6 = [one for one in rendered.all(INGRESS) if "CidrIpv6" in one]
    assert {(one["GroupId"]["Fn::GetAtt"][0], one["FromPort"]) for one in over_ipv6} == {
        ("PublicSecurityGroup", 80),
        ("PublicSecurityGroup", 443),
    }
    subnets = rendered.resources("AWS::EC2::Subnet")
    assert {name for name, one in subnets.items() if "Ipv6CidrBlock" in one["Properties"]} == {
        "MainPublicSubnet1",
        "MainPublicSubnet2",
    }
    entries = [one for one in rendered.all("AWS::EC2::NetworkAclEntry") if "Ipv6CidrBlock" in one]
    assert {one["NetworkAclId"]["Ref"] for one in entries} == {"MainPublicNetworkAcl"}
    assert {one["PortRange"]["From"] for one in entries if not one.get("Egress")} >= {80, 443}
    assert "::/0" not in text(list(chatbot().templates.values()))


@pytest.mark.row("RC-05", "RC-21")
@pytest.mark.parametrize("dual_stack", [False, True])
def test_clients_can_be_a_few(dual_stack):
    rendered = chatbot(clients="203.0.113.0/24", dual_stack=dual_stack)
    entering = {one["CidrIp"] for one in rendered.all(INGRESS) if "CidrIp" in one}
    assert entering == {"203.0.113.0/24"}
    assert not [one for one in rendered.all(INGRESS) if "CidrIpv6" in one], "an IPv4 range says nothing of IPv6"
    entries = [
        one
        for one in rendered.all("AWS::EC2::NetworkAclEntry")
        if one["NetworkAclId"] == {"Ref": "MainPublicNetworkAcl"} and not one.get("Egress")
    ]
    by_port: dict[int, set[str]] = {}
    for one in entries:
        by_port.setdefault(one["PortRange"]["From"], set()).add(one.get("CidrBlock", "IPv6"))
    assert by_port[80] == {"203.0.113.0/24"}
    assert by_port[443] == {"203.0.113.0/24", "10.0.0.0/16"}, "tasks reach the NAT gateway there"


@pytest.mark.row("RC-03")
def test_pages_about_the_api_can_stay_inside():
    assert paths_to_backend(chatbot()) == ["/api/*", "/health", "/docs", "/openapi.json"]
    assert paths_to_backend(chatbot(api_docs=False)) == ["/api/*", "/health"]


def test_who_waits_for_the_model_waits_equally_long():
    rendered = chatbot(answer_seconds=300)
    attributes = values(rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"], key="Key")
    assert attributes["idle_timeout.timeout_seconds"] == "300"
    (known,) = resource(rendered, "backend", "Service")["ServiceConnectConfiguration"]["Services"]
    assert known["Timeout"]["PerRequestTimeoutSeconds"] == 300


# The network


@pytest.mark.row("RC-02", "RC-21")
def test_a_vpc_that_exists_takes_the_place_of_ours():
    rendered = chatbot(existing_vpc=True)
    assert "network" not in rendered.templates
    assert not [
        name
        for template in rendered.templates.values()
        for name, one in template["Resources"].items()
        if re.match(r"AWS::EC2::(VPC|Subnet|NatGateway|NetworkAcl|Route)", one["Type"])
    ]
    asked = {name: set(rendered.templates[name]["Parameters"]) for name in ("platform", *PARTS)}
    ours = {"VpcId", "PublicSubnetIds", "PrivateSubnetIds"}
    assert asked["platform"] & ours == {"VpcId", "PublicSubnetIds"}
    for part in PARTS:
        assert asked[part] & ours == {"VpcId", "PrivateSubnetIds"}
        place = resource(rendered, part, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert place["Subnets"] == {"Ref": "PrivateSubnetIds"}
    balancer = rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Subnets"] == {"Ref": "PublicSubnetIds"}
    assert {text(one["VpcId"]) for one in rendered.all("AWS::EC2::SecurityGroup")} == {"Ref VpcId"}


@pytest.mark.row("RC-02")
@pytest.mark.parametrize(("egress", "gateways"), [("nat", 1), ("nat-per-zone", 3)])
def test_zones_and_ways_out_can_be_more(egress, gateways):
    rendered = chatbot(availability_zones=3, egress=egress)
    assert len(rendered.all("AWS::EC2::NatGateway")) == gateways
    assert len(rendered.all("AWS::EC2::Subnet")) == 6
    assert len(rendered.all("AWS::EC2::SubnetNetworkAclAssociation")) == 6
    for part in PARTS:
        place = resource(rendered, part, "Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
        assert len(place["Subnets"]) == 3


def test_rejected_traffic_can_be_recorded():
    assert chatbot(flow_logs=True).one("AWS::EC2::FlowLog")["TrafficType"] == "REJECT"
    assert not chatbot().all("AWS::EC2::FlowLog")


@pytest.mark.row("RC-02", "RC-21")
def test_another_range_moves_subnets_and_rules_together():
    rendered = chatbot(vpc_cidr="10.9.0.0/16")
    assert rendered.one("AWS::EC2::VPC")["CidrBlock"] == "10.9.0.0/16"
    assert "10.0." not in json.dumps(list(rendered.templates.values()))


# Names


@pytest.mark.row("RC-10")
def test_without_documented_names_only_those_remain_that_somebody_looks_for():
    """Images are pushed by a repository's name, operators change a parameter by its own."""
    rendered = chatbot("prod", documented_names=False)
    named = {
        (logical_id, value)
        for template in rendered.templates.values()
        for logical_id, one in template["Resources"].items()
        for _, value in fixed_names(one)
    }
    assert named == {
        ("BackendRepository", "recipe-chatbot-backend"),
        ("FrontendRepository", "recipe-chatbot-frontend"),
        ("EnvironmentParameter", "/recipe-chatbot/prod/environment"),
        ("LogLevelParameter", "/recipe-chatbot/prod/log-level"),
        ("CorsOriginsParameter", "/recipe-chatbot/prod/cors-origins"),
    }


def test_names_that_aws_asks_for_are_made_of_the_stacks_own():
    rendered = chatbot("prod", documented_names=False)
    made = {
        logical_id: text(one["Properties"][key])
        for template in rendered.templates.values()
        for logical_id, one in template["Resources"].items()
        for key in ("Name", "LogGroupName")
        if "Fn::Sub" in one.get("Properties", {}).get(key, ()) and isinstance(one["Properties"][key], dict)
    }
    # WAF writes to groups whose name begins with its own prefix; the others ask for a name, or for their policy's.
    assert made.keys() == {
        "ChatbotNamespace",
        "PublicLogGroup",
        "PublicDeliverySource",
        "PublicDeliveryDestination",
        "PublicWebAclLogGroup",
    }
    assert all("${AWS::StackName}" in name or "AWS::StackId" in name for name in made.values())


@pytest.mark.row("RC-08", "RC-19")
def test_the_backend_reads_its_keys_whatever_their_names_are():
    for settings in ({}, {"documented_names": False}, {"project": "cookbook"}):
        rendered = chatbot(**settings)
        secrets = values(containers(rendered, "backend")["backend"]["Secrets"], value="ValueFrom")
        assert secrets["OPENAI_API_KEY"]["Fn::GetStackOutput"]["OutputName"] == "OpenAiKeySource"
        outputs = rendered.templates["data"]["Outputs"]
        assert outputs["OpenAiKeySource"]["Value"] == {"Fn::Sub": "${OpenAiKeySecret}:api_key::"}
        assert outputs["OpenAiKeyArn"]["Value"] == {"Ref": "OpenAiKeySecret"}


def test_a_project_of_another_name_has_names_of_its_own():
    rendered = chatbot(project="cookbook")
    assert {stack.stack_name for stack in rendered.stacks} == {
        "cookbook-registry",
        *(f"cookbook-dev-{name}" for name in NAMES[1:]),
    }
    named = [
        value
        for name, template in rendered.templates.items()
        if name != "registry"
        for one in template["Resources"].values()
        for _, value in fixed_names(one)
    ]
    assert all("cookbook" in value and "recipe-chatbot" not in value for value in named)


# Tags


@pytest.mark.row("RC-24")
def test_owner_and_cost_centre_can_be_others_or_none():
    given = json.dumps(list(chatbot(owner="kitchen", cost_center="4711").templates.values()))
    assert '{"Key": "Owner", "Value": "kitchen"}' in given
    assert '{"Key": "CostCenter", "Value": "4711"}' in given
    assert "AI-Team" not in given
    without = json.dumps(list(chatbot(owner=None, cost_center=None).templates.values()))
    assert '"Owner"' not in without
    assert '"CostCenter"' not in without


def test_further_tags_are_tags_of_the_stacks():
    for stack in chatbot(tags={"Team": "chat"}).stacks:
        assert stack.tags["Team"] == "chat"


# Keys


@pytest.mark.row("RC-23")
@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_function_can_rotate_both_keys(environment):
    rendered = chatbot(environment, key_rotation="function")
    schedules = rendered.all("AWS::SecretsManager::RotationSchedule")
    assert {one["SecretId"]["Ref"] for one in schedules} == {"OpenAiKeySecret", "SerpKeySecret"}
    for one in schedules:
        assert one["RotationLambdaARN"] == {"Ref": "RotationFunctionArn"}
        assert one["RotationRules"] == {"AutomaticallyAfterDays": 90}
        # Without a value there is nothing to rotate yet.
        assert one["RotateImmediatelyOnUpdate"] is False
    permission = rendered.one("AWS::Lambda::Permission")
    assert permission["Principal"] == "secretsmanager.amazonaws.com"
    assert permission["SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert "Default" not in rendered.templates["data"]["Parameters"]["RotationFunctionArn"]
    assert not rendered.all("AWS::Scheduler::Schedule")


@pytest.mark.row("RC-23")
def test_dev_can_be_reminded_and_prod_left_alone():
    assert chatbot(key_rotation="reminder").one("AWS::Scheduler::Schedule")["Target"]["Arn"] == {"Ref": "CriticalTopic"}
    rendered = chatbot("prod", key_rotation="none")
    assert not rendered.all("AWS::Scheduler::Schedule")
    assert not rendered.all("AWS::SecretsManager::RotationSchedule")


@pytest.mark.row("RC-23")
def test_the_topic_lets_nobody_in_for_a_reminder_that_is_not_sent():
    keys = {
        rotation: text(chatbot("prod", key_rotation=rotation).one("AWS::KMS::Key")["KeyPolicy"])
        for rotation in ("none", "reminder")
    }
    assert "kms:ViaService" in keys["reminder"]
    assert "kms:ViaService" not in keys["none"]


# Tasks


@pytest.mark.row("RC-16")
@each
def test_hours_and_their_zone_can_be_others(part):
    rendered = chatbot(wakes_at=6, sleeps_at=22, time_zone="Europe/Berlin")
    actions = resource(rendered, part, "ScalableTarget")["ScheduledActions"]
    assert {one["Schedule"] for one in actions} == {"cron(0 6 ? * MON-FRI *)", "cron(0 22 * * ? *)"}
    assert {one["Timezone"] for one in actions} == {"Europe/Berlin"}


@pytest.mark.row("RC-16")
@each
def test_dev_can_stay_awake_and_another_environment_can_sleep(part):
    assert "ScheduledActions" not in resource(chatbot(sleep=False), part, "ScalableTarget")
    assert resource(chatbot("staging", sleep=True), part, "ScalableTarget")["ScheduledActions"]


@pytest.mark.row("RC-15")
@each
def test_sizes_and_bounds_are_defaults_of_parameters(part):
    given = {f"{part}_cpu": 1024, f"{part}_memory": 4096, f"{part}_minimum_tasks": 3, f"{part}_maximum_tasks": 7}
    parameters = chatbot(**given).templates[part]["Parameters"]
    name = part.title()
    defaults = [parameters[f"{name}{key}"]["Default"] for key in ("Cpu", "Memory", "MinimumTasks", "MaximumTasks")]
    assert defaults == ["1024", "4096", 3, 7]


@pytest.mark.row("RC-15")
def test_targets_of_scaling_can_be_others():
    rendered = chatbot(target_cpu=50, target_memory=60, target_queue_depth=2.5)
    found = {
        name: one["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"]
        for name, one in rendered.resources("AWS::ApplicationAutoScaling::ScalingPolicy").items()
    }
    assert found == {
        "BackendCpuScaling": 50,
        "BackendMemoryScaling": 60,
        "BackendQueueDepthScaling": 2.5,
        "FrontendCpuScaling": 50,
    }


@pytest.mark.row("RC-15")
def test_what_waits_in_each_task_is_not_shared_out_again():
    rendered = chatbot("prod", queue="per-task")
    (policy,) = [
        one["TargetTrackingScalingPolicyConfiguration"]
        for one in rendered.all("AWS::ApplicationAutoScaling::ScalingPolicy")
        if "CustomizedMetricSpecification" in one["TargetTrackingScalingPolicyConfiguration"]
    ]
    (metric,) = policy["CustomizedMetricSpecification"]["Metrics"]
    assert metric["ReturnData"] is True
    assert metric["MetricStat"]["Stat"] == "Average"
    assert metric["MetricStat"]["Metric"]["MetricName"] == "QueueDepth"
    assert values(metric["MetricStat"]["Metric"]["Dimensions"]) == {"Service": "Backend"}
    assert policy["TargetValue"] == 5


@pytest.mark.row("RC-15")
def test_an_application_without_a_queue_is_scaled_by_what_it_uses():
    """A policy whose metric nobody writes would keep the others from scaling in."""
    rendered = chatbot("prod", queue="none")
    policies = rendered.resources("AWS::ApplicationAutoScaling::ScalingPolicy")
    assert set(policies) == {"BackendCpuScaling", "BackendMemoryScaling", "FrontendCpuScaling"}


@each
@pytest.mark.parametrize(
    ("capacity", "strategy"),
    [
        ("on-demand", [{"CapacityProvider": "FARGATE", "Weight": 1}]),
        ("spot", [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1}]),
        (
            "spot-above-first",
            [
                {"CapacityProvider": "FARGATE", "Base": 1, "Weight": 0},
                {"CapacityProvider": "FARGATE_SPOT", "Weight": 1},
            ],
        ),
    ],
)
def test_capacity_is_a_strategy_of_both_services(part, capacity, strategy):
    rendered = chatbot(capacity=capacity)
    assert resource(rendered, part, "Service")["CapacityProviderStrategy"] == strategy
    (providers,) = rendered.all("AWS::ECS::ClusterCapacityProviderAssociations")
    assert {one["CapacityProvider"] for one in strategy} <= set(providers["CapacityProviders"])


@each
@pytest.mark.parametrize(("arm", "architecture"), [(False, "X86_64"), (True, "ARM64")])
def test_tasks_can_run_on_graviton(part, arm, architecture):
    assert resource(chatbot(arm=arm), part, "TaskDefinition")["RuntimePlatform"] == {
        "OperatingSystemFamily": "LINUX",
        "CpuArchitecture": architecture,
    }


@pytest.mark.row("RC-25")
@each
def test_a_shell_needs_a_writable_root_and_brings_its_permission(part):
    rendered = chatbot(shell=True)
    assert resource(rendered, part, "Service")["EnableExecuteCommand"] is True
    assert containers(rendered, part)[part]["ReadonlyRootFilesystem"] is False
    actions = [
        action for role, one in rendered.statements() if role == f"{part.title()}TaskRole" for action in one["Action"]
    ]
    assert {"ssmmessages:CreateDataChannel", "ssmmessages:OpenDataChannel"} <= set(actions)
    without = chatbot()
    assert resource(without, part, "Service")["EnableExecuteCommand"] is False
    assert "ssmmessages" not in text(list(without.templates.values()))


@pytest.mark.row("RC-25")
@each
def test_an_image_that_cannot_live_like_that_says_so(part):
    container = containers(chatbot(run_as="", writable_root=True, container_health_check=False), part)[part]
    assert container["ReadonlyRootFilesystem"] is False
    assert not {"User", "HealthCheck"} & container.keys()
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}


@each
def test_tasks_that_start_slowly_get_the_time_from_everybody_who_asks(part):
    rendered = chatbot(start_seconds=200)
    assert containers(rendered, part)[part]["HealthCheck"]["StartPeriod"] == 200
    assert resource(rendered, part, "Service")["HealthCheckGracePeriodSeconds"] == 200


@pytest.mark.row("RC-25")
def test_an_image_is_built_once_for_every_environment_and_choice():
    plain = recipe_chatbot.files(Settings())
    assert len(plain) == 4
    for settings in (Settings(environment="prod"), Settings(run_as="1200:1300", answer_seconds=300, arm=True)):
        assert recipe_chatbot.files(settings) == plain


@each
def test_a_task_may_finish_its_answer_before_it_goes(part):
    """The load balancer waits for the longest answer; Fargate waits two minutes for a container, and no longer."""
    rendered = chatbot("prod", answer_seconds=300)
    for name, group in rendered.resources(TARGET_GROUP).items():
        attributes = values(group["Properties"]["TargetGroupAttributes"], key="Key")
        assert int(attributes["deregistration_delay.timeout_seconds"]) >= 300, name
    assert containers(rendered, part)[part]["StopTimeout"] == 120


# Configuration


@pytest.mark.row("RC-09")
def test_configuration_is_what_is_given():
    rendered = chatbot(
        application_environment="test",
        log_level="ERROR",
        cors_origins=["https://a.example.com", "http://localhost:3000"],
    )
    given = {one["Name"]: one["Value"] for one in rendered.all("AWS::SSM::Parameter")}
    assert given == {
        "/recipe-chatbot/dev/environment": "test",
        "/recipe-chatbot/dev/log-level": "ERROR",
        "/recipe-chatbot/dev/cors-origins": "https://a.example.com,http://localhost:3000",
    }
    assert told(rendered, "frontend")["ENVIRONMENT"] == "test"


@pytest.mark.row("RC-09")
@pytest.mark.parametrize("https", ["off", "certificate", "domain"])
def test_browsers_may_call_from_the_chatbots_own_address_if_no_other_is_named(https):
    (origins,) = [
        one for one in chatbot(https=https).all("AWS::SSM::Parameter") if one["Name"].endswith("cors-origins")
    ]
    assert origins["Value"] == {"Fn::GetStackOutput": {"StackName": {"Ref": "PlatformStackName"}, "OutputName": "Url"}}


@pytest.mark.row("RC-11")
def test_each_environment_has_a_namespace_of_its_own_and_can_be_given_another():
    assert told(chatbot(), "backend")["METRIC_NAMESPACE"] == "RecipeChatbot/LLM/dev"
    assert told(chatbot("prod"), "backend")["METRIC_NAMESPACE"] == "RecipeChatbot/LLM"
    rendered = chatbot(metric_namespace="Kitchen/Chat")
    whole = json.dumps(list(rendered.templates.values()))
    assert "RecipeChatbot/LLM" not in whole
    filters = [change for one in rendered.all("AWS::Logs::MetricFilter") for change in one["MetricTransformations"]]
    assert {one["MetricNamespace"] for one in filters} == {"Kitchen/Chat"}
    condition = rendered.statement("PutMetrics")["Condition"]
    assert condition == {"StringEquals": {"cloudwatch:namespace": "Kitchen/Chat"}}


@each
def test_variables_of_ones_own_reach_one_application_and_win(part):
    rendered = chatbot(**{f"{part}_variables": {"MODEL": "small", "METRIC_NAMESPACE": "x", "BACKEND_URL": "y"}})
    (other,) = [one for one in PARTS if one != part]
    assert told(rendered, part).items() >= {"MODEL": "small", "METRIC_NAMESPACE": "x", "BACKEND_URL": "y"}.items()
    names = [one["Name"] for one in containers(rendered, part)[part]["Environment"]]
    assert len(names) == len(set(names))
    assert "MODEL" not in told(rendered, other)


# Data


@pytest.mark.row("RC-08", "RC-10")
@pytest.mark.parametrize(("keep", "policy"), [(True, "RetainExceptOnCreate"), (False, "Delete")])
def test_data_stays_where_it_is_to_be_kept(keep, policy):
    rendered = chatbot(keep_data=keep)
    kept = itertools.chain(
        rendered.resources("AWS::SecretsManager::Secret").values(), rendered.resources(LOG_GROUP).values()
    )
    assert {one["DeletionPolicy"] for one in kept} == {policy}
    protected = [stack.name for stack in rendered.stacks if stack.termination_protection]
    assert protected == (NAMES if keep else ["registry"])
    attributes = values(rendered.one("AWS::ElasticLoadBalancingV2::LoadBalancer")["LoadBalancerAttributes"], key="Key")
    assert attributes["deletion_protection.enabled"] == ("true" if keep else "false")


# Refusals: the setting, the value and the way out


@pytest.mark.parametrize(
    ("settings", "refusal"),
    [
        ({"environment": "prod", "sleep": True}, r"^sleep: True is not allowed in prod, .*; leave it out"),
        ({"wakes_at": 20, "sleeps_at": 7}, r"^wakes_at: 20 is not before sleeps_at \(7\); give an earlier hour"),
        ({"wakes_at": 7, "sleeps_at": 7}, r"^wakes_at: 7 is not before sleeps_at \(7\)"),
        ({"sleeps_at": 24}, r"^sleeps_at: 24 is not allowed; give less than or equal to 23"),
        (
            {"backend_memory": 512},
            r"^backend_memory: 512 MiB does not go with 512 CPU units; give one of 1024, 2048, 3072, 4096",
        ),
        (
            {"frontend_memory": 4096},
            r"^frontend_memory: 4096 MiB does not go with 256 CPU units; give one of 512, 1024",
        ),
        ({"backend_cpu": 500}, r"^backend_cpu: 500"),
        (
            {"backend_minimum_tasks": 3},
            r"^backend_minimum_tasks: 3 is more than backend_maximum_tasks \(2\); lower the one or raise the other",
        ),
        (
            {"frontend_minimum_tasks": 3},
            r"^frontend_minimum_tasks: 3 is more than frontend_maximum_tasks \(2\); lower the one or raise the other",
        ),
        (
            {"health_check": True, "https": "off"},
            r"^health_check: needs https to be 'domain', got 'off': .*; leave health_check off",
        ),
        (
            {"health_check": True, "https": "certificate"},
            r"^health_check: needs https to be 'domain', got 'certificate'",
        ),
        ({"environment": "prod", "https": "off"}, r"^health_check: needs https to be 'domain', got 'off'"),
        (
            {"health_check": True, "clients": "203.0.113.0/24"},
            r"^health_check: .*clients is '203\.0\.113\.0/24'; leave one of them out",
        ),
        ({"clients": "203.0.113.7/24"}, r"^clients: '203\.0\.113\.7/24' is not allowed; give an IPv4 range"),
        ({"deployment_hook": True}, r"^deployment_hook: needs deployment to be 'blue-green', got 'rolling'"),
        (
            {"deployment_hook": True, "deployment": "blue-green", "hook_stages": []},
            r"^hook_stages: \[\] is not allowed; give .*at least 1 item",
        ),
        ({"hook_stages": ["AFTERWARDS"]}, r"^hook_stages\.0: 'AFTERWARDS' is not allowed; give 'RECONCILE_SERVICE'"),
        ({"deployment": "canary"}, r"^deployment: 'canary' is not allowed; give 'rolling' or 'blue-green'"),
        ({"bake_minutes": 1441}, r"^bake_minutes: 1441 is not allowed; give less than or equal to 1440"),
        (
            {"domain_name": "chat.example.com", "https": "off"},
            r"^domain_name: 'chat\.example\.com' needs https to be 'domain', got 'off'; leave https out",
        ),
        ({"https": "on"}, r"^https: 'on' is not allowed; give 'off', 'certificate' or 'domain'"),
        ({"egress": "public"}, r"^egress: 'public' is not allowed; give 'nat' or 'nat-per-zone'"),
        ({"egress": "endpoints"}, r"^egress: 'endpoints' is not allowed; give 'nat' or 'nat-per-zone'"),
        ({"cors_origins": ["*"]}, r"^cors_origins\.0: '\*' is not allowed; give .*https\?://"),
        ({"cors_origins": ["https://a.example.com/chat"]}, r"^cors_origins\.0: 'https://a\.example\.com/chat'"),
        ({"cors_origins": ["https://a.example.com"] * 9}, r"^cors_origins: .*at most 8 items"),
        ({"log_level": "debug"}, r"^log_level: 'debug' is not allowed; give 'DEBUG', 'INFO'"),
        ({"key_rotation": "quarterly"}, r"^key_rotation: 'quarterly' is not allowed; give 'none', 'reminder' or 'fun"),
        ({"backend_variables": {"9": "x"}}, r"^backend_variables\.9\.\[key\]: '9' is not allowed"),
        ({"frontend_variables": {"A": "x" * 129}}, r"^frontend_variables\.A: 'x+' is not allowed; give .*128"),
        ({"backend_variables": {f"A{n}": "x" for n in range(13)}}, r"^backend_variables: .*at most 12 items"),
        ({"metric_namespace": ""}, r"^metric_namespace: '' is not allowed"),
        ({"time_zone": "Europe/"}, r"^time_zone: 'Europe/' is not allowed; .*Europe/Berlin"),
        ({"alert_email": "ops"}, r"^alert_email: 'ops' is not allowed"),
        ({"critical_email": "ops"}, r"^critical_email: 'ops' is not allowed"),
        ({"cost_center": "R&D"}, r"^cost_center: 'R&D' is not allowed"),
        ({"target_cpu": 100}, r"^target_cpu: 100 is not allowed; give less than or equal to 95"),
        ({"target_memory": 5}, r"^target_memory: 5 is not allowed; give greater than or equal to 10"),
        ({"target_queue_depth": 0}, r"^target_queue_depth: 0 is not allowed; give greater than or equal to 1"),
        ({"answer_seconds": 4001}, r"^answer_seconds: 4001 is not allowed; give less than or equal to 4000"),
        ({"waf_rate_limit": 9}, r"^waf_rate_limit: 9 is not allowed; give greater than or equal to 10"),
        ({"project": "Recipe"}, r"^project: 'Recipe' is not allowed"),
        ({"queue": "sqs"}, r"^queue: 'sqs' is not allowed; give 'shared', 'per-task' or 'none'"),
        ({"slow_seconds": 0}, r"^slow_seconds: 0 is not allowed; give greater than or equal to 0\.1"),
        ({"test_header": "two words"}, r"^test_header: 'two words' is not allowed"),
        ({"shel": True}, r"^shel: no such setting \(did you mean shell\?"),
        ({"container_port": 9000}, r"^container_port: no such setting"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_is_refused_with_the_way_out(settings, refusal):
    with pytest.raises(SettingsError, match=refusal):
        Settings(**settings)


@pytest.mark.row("RC-11")
def test_a_namespace_of_awss_own_is_refused():
    """CloudWatch takes nothing under AWS/ from its users, neither from a metric filter nor by PutMetricData."""
    with pytest.raises(SettingsError, match=r"^metric_namespace: 'AWS/Chat' "):
        Settings(metric_namespace="AWS/Chat")


@pytest.mark.row("RC-08", "RC-09")
@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "SERP_API_KEY", "ENVIRONMENT", "LOG_LEVEL", "CORS_ORIGINS"])
def test_a_variable_that_is_read_from_elsewhere_is_refused_by_its_setting(variable):
    """ECS takes a name once, as a variable or as a secret; and a key in a template can be read by many."""
    with pytest.raises(SettingsError, match=rf"^backend_variables: .*{variable}") as refused:
        chatbot(backend_variables={variable: "sk-4711"})
    assert "sk-4711" not in str(refused.value)


@pytest.mark.row("RC-16")
@each
def test_prod_keeps_a_task_of_each_service(part):
    """From no tasks at all there is no way back: nothing that scaling follows is measured then."""
    with pytest.raises(SettingsError, match=rf"^{part}_minimum_tasks: 0 is not allowed in prod"):
        Settings(environment="prod", **{f"{part}_minimum_tasks": 0})
