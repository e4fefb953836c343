"""Each of our own rules: a template that breaks it, one that does not, and one of which nothing is known."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from blueprints.checks import cfn_lint

OURS = ("E90", "W90")

SERVICE = {"TaskDefinition": {"Ref": "Task"}, "Cluster": "main"}
TARGETS = [{"ContainerName": "api", "ContainerPort": 8000, "TargetGroupArn": {"Ref": "Targets"}}]
FORWARD = [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}]
BREAKER = {"DeploymentCircuitBreaker": {"Enable": True, "Rollback": True}}
CHOICE = {"Fn::If": ["IsProduction", "a", {"Ref": "AWS::NoValue"}]}
NO_VALUE = {"Ref": "AWS::NoValue"}
EGRESS = [{"IpProtocol": "icmp", "FromPort": 252, "ToPort": 86, "CidrIp": "127.0.0.1/32"}]


def resource(kind, *, depends_on=None, metadata=None, **properties):
    made = {"Type": f"AWS::{kind}", "Properties": properties}
    if depends_on:
        made["DependsOn"] = depends_on
    if metadata:
        made["Metadata"] = metadata
    return made


def service(**properties):
    depends_on = properties.pop("depends_on", None)
    return resource(
        "ECS::Service", depends_on=depends_on, **SERVICE, **{"DeploymentConfiguration": BREAKER, **properties}
    )


def balanced(*, depends_on=None, listener=None, kind="ip", **properties):
    """A service behind a load balancer."""
    return {
        "Targets": resource("ElasticLoadBalancingV2::TargetGroup", **({"TargetType": kind} if kind else {})),
        "Listener": listener or resource("ElasticLoadBalancingV2::Listener", DefaultActions=FORWARD, Protocol="HTTP"),
        "Service": service(depends_on=depends_on, LoadBalancers=TARGETS, **properties),
        "Task": resource("ECS::TaskDefinition"),
    }


def internet(**more):
    return {
        "Gateway": resource("EC2::InternetGateway"),
        "Attachment": resource("EC2::VPCGatewayAttachment", InternetGatewayId={"Ref": "Gateway"}, VpcId="vpc-1"),
        **more,
    }


def scaled(**properties):
    return {
        "Service": service(**properties),
        "Task": resource("ECS::TaskDefinition"),
        "Scaling": resource(
            "ApplicationAutoScaling::ScalableTarget",
            ResourceId={"Fn::Sub": "service/main/${Service.Name}"},
        ),
    }


def group(**properties):
    return {"Group": resource("EC2::SecurityGroup", GroupDescription="x", **properties)}


def listener(**properties):
    return {"Listener": resource("ElasticLoadBalancingV2::Listener", **properties)}


def task(secrets, **properties):
    containers = [{"Name": "log"}, {"Name": "api", "Secrets": secrets}]
    return {"Task": resource("ECS::TaskDefinition", ContainerDefinitions=containers, **properties)}


def secret(value, **properties):
    return task([{"Name": "KEY", "ValueFrom": value}], **{"ExecutionRoleArn": "arn:x", **properties})


def policy(**statement):
    document = {"Statement": [{"Effect": "Deny", "NotAction": "s3:*"}, statement]}
    return {"Role": resource("IAM::Role", Policies=[{"PolicyName": "p", "PolicyDocument": document}])}


def suppressed(entries, ignored=("I3011",)):
    metadata = {"Suppressions": entries, "cfn-lint": {"config": {"ignore_checks": list(ignored)}}}
    return {"Topic": resource("SNS::Topic", metadata=metadata, TopicName="x")}


ARN = {"Fn::Sub": "${Secret}:key::"}
RULE = resource("ElasticLoadBalancingV2::ListenerRule", Actions=FORWARD, ListenerArn="arn:x")
REASON = {"rule": "I3011", "reason": "holds a cache only"}

CASES = {
    # E9001
    "service beside its listener": (balanced(), ["E9001 Service/Properties/LoadBalancers/0/TargetGroupArn"]),
    "service after its listener": (balanced(depends_on="Listener"), []),
    "service after its listener, in a list": (balanced(depends_on=["Task", "Listener"]), []),
    "service beside its rule": (balanced(listener=RULE), ["E9001 Service/Properties/LoadBalancers/0/TargetGroupArn"]),
    "service after its rule": (balanced(listener=RULE, depends_on="Listener"), []),
    "service that reaches its listener through another": (
        balanced(depends_on="Topic") | {"Topic": resource("SNS::Topic", depends_on="Listener", TopicName="x")},
        [],
    ),
    "service whose listener is in another stack": (balanced(listener=resource("SNS::Topic", TopicName="x")), []),
    "service with a conditional load balancer": (
        {
            **balanced(),
            "Service": service(LoadBalancers={"Fn::If": ["IsProduction", TARGETS, NO_VALUE]}),
        },
        [],
    ),
    # E9002
    "address beside the attachment": (internet(Address=resource("EC2::EIP", Domain="vpc")), ["E9002 Address"]),
    "address after the attachment": (
        internet(Address=resource("EC2::EIP", depends_on="Attachment", Domain="vpc")),
        [],
    ),
    "NAT gateway through its address": (
        internet(
            Address=resource("EC2::EIP", depends_on="Attachment", Domain="vpc"),
            Nat=resource("EC2::NatGateway", AllocationId={"Fn::GetAtt": ["Address", "AllocationId"]}),
        ),
        [],
    ),
    "NAT gateway beside the attachment": (internet(Nat=resource("EC2::NatGateway", SubnetId="s")), ["E9002 Nat"]),
    "private NAT gateway": (internet(Nat=resource("EC2::NatGateway", ConnectivityType="private")), []),
    "route beside the attachment": (
        internet(Route=resource("EC2::Route", GatewayId={"Ref": "Gateway"})),
        ["E9002 Route"],
    ),
    "route to elsewhere": (internet(Route=resource("EC2::Route", NatGatewayId="nat-1")), []),
    "address in a VPC of another stack": ({"Address": resource("EC2::EIP", Domain="vpc")}, []),
    # E9003
    "scaled service with a count": (scaled(DesiredCount=2), ["E9003 Service/Properties/DesiredCount"]),
    "scaled service with a count by parameter": (
        scaled(DesiredCount={"Ref": "Tasks"}),
        ["E9003 Service/Properties/DesiredCount"],
    ),
    "scaled service without a count": (scaled(), []),
    "scaled service with no value": (scaled(DesiredCount=NO_VALUE), []),
    "scaled service with a conditional count": (scaled(DesiredCount=CHOICE), []),
    "unscaled service with a count": (
        {"Service": service(DesiredCount=2), "Task": resource("ECS::TaskDefinition")},
        [],
    ),
    # E9004
    "group without egress": (group(), ["E9004 Group/Properties"]),
    "group with no egress rules": (group(SecurityGroupEgress=[]), ["E9004 Group/Properties"]),
    "group with egress": (group(SecurityGroupEgress=EGRESS), []),
    "group with conditional egress": (group(SecurityGroupEgress=CHOICE), []),
    # E9005
    "rolling service without deployment settings": (
        {"Service": service(DeploymentConfiguration=NO_VALUE)},
        ["E9005 Service/Properties"],
    ),
    "rolling service without rollback": (
        {"Service": service(DeploymentConfiguration={"DeploymentCircuitBreaker": {"Enable": True, "Rollback": False}})},
        ["E9005 Service/Properties"],
    ),
    "rolling service with rollback as text": (
        {
            "Service": service(
                DeploymentConfiguration={"DeploymentCircuitBreaker": {"Enable": "true", "Rollback": "true"}}
            )
        },
        [],
    ),
    "rolling service with a conditional breaker": (
        {"Service": service(DeploymentConfiguration={"DeploymentCircuitBreaker": CHOICE})},
        [],
    ),
    "rolling service with a breaker by parameter": (
        {
            "Service": service(
                DeploymentConfiguration={"DeploymentCircuitBreaker": {"Enable": True, "Rollback": {"Ref": "Back"}}}
            )
        },
        [],
    ),
    "service that CodeDeploy deploys": (
        {
            "Service": service(
                DeploymentConfiguration=NO_VALUE,
                DeploymentController={"Type": "CODE_DEPLOY"},
            )
        },
        [],
    ),
    "service that is deployed blue/green": (
        {"Service": service(DeploymentConfiguration={"Strategy": "BLUE_GREEN"})},
        [],
    ),
    # E9006
    "HTTPS without a policy": (listener(Protocol="HTTPS"), ["E9006 Listener/Properties"]),
    "TLS without a policy": (listener(Protocol="TLS", SslPolicy=NO_VALUE), ["E9006 Listener/Properties"]),
    "HTTPS with a policy": (listener(Protocol="HTTPS", SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06"), []),
    "HTTPS with a policy by parameter": (listener(Protocol="HTTPS", SslPolicy={"Ref": "Policy"}), []),
    "protocol by parameter": (listener(Protocol={"Ref": "Protocol"}), []),
    "HTTP": (listener(Protocol="HTTP"), []),
    # E9007
    "secrets without an execution role": (
        task([{"Name": "KEY", "ValueFrom": ARN}]),
        ["E9007 Task/Properties/ContainerDefinitions/1/Secrets"],
    ),
    "secrets with an execution role": (secret(ARN), []),
    "secrets with a conditional execution role": (secret(ARN, ExecutionRoleArn=CHOICE), []),
    "no secrets": (task([]), []),
    "containers by condition": ({"Task": resource("ECS::TaskDefinition", ContainerDefinitions=CHOICE)}, []),
    # E9008
    "everything but one service is allowed": (
        policy(Effect="Allow", NotAction="iam:*", Resource="*"),
        ["E9008 Role/Properties/Policies/0/PolicyDocument/Statement/1/NotAction"],
    ),
    "a list is allowed": (policy(Effect="Allow", Action="s3:GetObject", Resource="*"), []),
    "effect by condition": (policy(Effect=CHOICE, NotAction="iam:*", Resource="*"), []),
    # E9011
    "Fargate service with instance targets": (
        balanced(kind="instance", depends_on="Listener", LaunchType="FARGATE"),
        ["E9011 Targets/Properties"],
    ),
    "awsvpc service with default targets": (
        balanced(kind=None, depends_on="Listener", NetworkConfiguration={"AwsvpcConfiguration": {}}),
        ["E9011 Targets/Properties"],
    ),
    "service with an awsvpc task and default targets": (
        balanced(kind=None, depends_on="Listener") | {"Task": resource("ECS::TaskDefinition", NetworkMode="awsvpc")},
        ["E9011 Targets/Properties"],
    ),
    "Fargate service with ip targets": (balanced(depends_on="Listener", LaunchType="FARGATE"), []),
    "Fargate service with a target type by parameter": (
        balanced(kind={"Ref": "Kind"}, depends_on="Listener", LaunchType="FARGATE"),
        [],
    ),
    "bridge service with instance targets": (balanced(kind="instance", depends_on="Listener"), []),
    # E9012
    "launch type and strategy": (
        {"Service": service(LaunchType="FARGATE", CapacityProviderStrategy=[{"CapacityProvider": "FARGATE"}])},
        ["E9012 Service/Properties/LaunchType"],
    ),
    "strategy alone": ({"Service": service(CapacityProviderStrategy=[{"CapacityProvider": "FARGATE"}])}, []),
    "launch type alone": ({"Service": service(LaunchType="FARGATE")}, []),
    "launch type by condition": (
        {"Service": service(LaunchType=CHOICE, CapacityProviderStrategy=[{"CapacityProvider": "FARGATE"}])},
        [],
    ),
    "strategy by condition": ({"Service": service(LaunchType="FARGATE", CapacityProviderStrategy=CHOICE)}, []),
    # E9013
    "dynamic reference": (
        secret("{{resolve:secretsmanager:shop:SecretString:key}}"),
        ["E9013 Task/Properties/ContainerDefinitions/1/Secrets/0/ValueFrom"],
    ),
    "ARN in the form of a dynamic reference": (
        secret({"Fn::Sub": "${Secret}:SecretString:key"}),
        ["E9013 Task/Properties/ContainerDefinitions/1/Secrets/0/ValueFrom"],
    ),
    "ARN in the form of ECS": (secret(ARN), []),
    "name of a parameter": (secret("/shop/KEY"), []),
    # E9014
    "suppression with a reason": (suppressed([REASON]), []),
    "suppression with an empty reason": (
        suppressed([{"rule": "I3011", "reason": " "}]),
        [
            "E9014 Topic/Metadata/Suppressions/0",
            "E9014 Topic/Metadata/cfn-lint/config/ignore_checks/0",
        ],
    ),
    "cfn-lint's suppression without a reason": (
        suppressed([REASON], ignored=["I3011", "E3002"]),
        ["E9014 Topic/Metadata/cfn-lint/config/ignore_checks/1"],
    ),
    "suppressions as text": (suppressed("I3011", ignored=[]), ["E9014 Topic/Metadata/Suppressions/0"]),
}


def places(template):
    """Rule and path of each finding of ours; in YAML each node has a line of its own, so the path tells which."""
    matches = cfn_lint._matches(Path("t.yaml"), yaml.safe_dump(template, sort_keys=False), ["us-east-1"])
    crashes = [match.message for match in matches if match.rule.id == "E0002"]
    assert crashes == []
    return sorted(
        f"{match.rule.id} {'/'.join(map(str, match.path[1:]))}" for match in matches if match.rule.id.startswith(OURS)
    )


@pytest.mark.parametrize(("resources", "expected"), CASES.values(), ids=CASES)
def test_a_rule_finds_what_it_is_about_and_nothing_else(resources, expected):
    assert places({"Resources": resources}) == expected


def test_every_rule_is_tested_with_a_template_that_breaks_it():
    rules = {rule for rule in cfn_lint._rules() if rule.startswith(OURS)}
    assert rules - {place.split()[0] for _, expected in CASES.values() for place in expected} == {"E9009", "W9010"}


def test_a_template_that_needs_a_bucket_is_a_warning(tmp_path):
    path = tmp_path / "large.json"
    parameters = {f"Parameter{number}": {"Type": "String", "Description": "x" * 400} for number in range(130)}
    path.write_text(json.dumps({"Parameters": parameters, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}))
    findings = cfn_lint.check(path, path.read_text(), ["us-east-1"])
    assert [(found.rule, found.level) for found in findings if found.rule == "W9010"] == [("W9010", "warning")]


@pytest.mark.parametrize(("section", "entry"), [("Parameters", {"Type": "String"}), ("Mappings", {"a": {"b": "c"}})])
def test_more_than_two_hundred_parameters_or_mappings_are_an_error(section, entry):
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    assert places({**topic, section: {f"E{number}": entry for number in range(200)}}) == []
    assert places({**topic, section: {f"E{number}": entry for number in range(201)}}) == ["E9009 "]


@pytest.mark.parametrize("broken", [None, [], "text", 5, {"Fn::If": ["A", {}, {}]}, {"Fn::Transform": {"Name": "x"}}])
@pytest.mark.parametrize("key", ["Properties", "DependsOn", "Metadata", "Type"])
def test_no_rule_crashes_on_nonsense(key, broken):
    kinds = {
        kind: {**resource(kind, X=1), key: broken}
        for kind in (
            "ApplicationAutoScaling::ScalableTarget",
            "EC2::EIP",
            "EC2::NatGateway",
            "EC2::Route",
            "EC2::SecurityGroup",
            "EC2::VPCGatewayAttachment",
            "ECS::Service",
            "ECS::TaskDefinition",
            "ElasticLoadBalancingV2::Listener",
        )
    }
    template = {"Resources": {kind.replace(":", ""): made for kind, made in kinds.items()}}
    matches = cfn_lint._matches(Path("t.yaml"), yaml.safe_dump(template), ["us-east-1"])
    assert [match.message for match in matches if match.rule.id == "E0002" and "rule E90" in match.message] == []


def test_the_folder_of_rules_works_alone_with_the_command_line_of_cfn_lint(tmp_path):
    rules = shutil.copytree(cfn_lint.RULES, tmp_path / "rules", ignore=shutil.ignore_patterns("__pycache__"))
    template = tmp_path / "group.yaml"
    template.write_text(yaml.safe_dump({"Resources": group()}))
    command = [Path(sys.executable).with_name("cfn-lint"), "--append-rules", rules, "--format", "parseable", template]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert [line.split(":")[5] for line in result.stdout.splitlines()] == ["E9004"], result.stderr


def test_every_rule_has_a_description_and_a_public_source():
    for rule in (rule for number, rule in cfn_lint._rules().items() if number.startswith(OURS)):
        assert rule.description
        assert rule.source_url.startswith(("https://docs.aws.amazon.com/", "https://github.com/aws"))
        assert f"{rule.id}  " in (cfn_lint.RULES / "__init__.py").read_text()
