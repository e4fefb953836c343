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


def condition(**tests):
    return policy(Effect="Allow", Action="cloudwatch:PutMetricData", Resource="*", Condition=tests)


def blue_green(*, rule=None, forward=("Targets", "Green"), listener=None, test=None, **deployment):
    """A service that ECS moves between two target groups."""
    groups = [{"TargetGroupArn": {"Ref": name}, "Weight": 1} for name in forward]
    advanced = {
        "AlternateTargetGroupArn": {"Ref": "Green"},
        "ProductionListenerRule": rule or {"Ref": "Rule"},
        **({"TestListenerRule": test} if test else {}),
    }
    return {
        "Targets": resource("ElasticLoadBalancingV2::TargetGroup", TargetType="ip"),
        "Green": resource("ElasticLoadBalancingV2::TargetGroup", TargetType="ip"),
        "Listener": listener or resource("ElasticLoadBalancingV2::Listener", Protocol="HTTP", DefaultActions=[]),
        "Rule": resource(
            "ElasticLoadBalancingV2::ListenerRule",
            ListenerArn={"Ref": "Listener"},
            Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}],
        ),
        "Service": service(
            depends_on="Rule",
            LoadBalancers=[{**TARGETS[0], "AdvancedConfiguration": advanced}],
            DeploymentConfiguration={"Strategy": "BLUE_GREEN", **deployment},
        ),
        "Task": resource("ECS::TaskDefinition"),
    }


def web_acl(**rule):
    return {"Acl": resource("WAFv2::WebACL", Scope="REGIONAL", Rules=[{"Name": "one", "Priority": 0, **rule}])}


def web_acl_log(destination=None, kind="Logs::LogGroup", **properties):
    return {
        "Log": resource(kind, **properties),
        "Logging": resource(
            "WAFv2::LoggingConfiguration",
            ResourceArn="arn:x",
            LogDestinationConfigs=[destination or {"Fn::GetAtt": ["Log", "Arn"]}],
        ),
    }


def nat(route, *, table=None, **properties):
    """A NAT gateway in a subnet whose route table has one route."""
    return {
        "Subnet": resource("EC2::Subnet", VpcId="vpc-1"),
        "Table": resource("EC2::RouteTable", VpcId="vpc-1"),
        "Association": resource(
            "EC2::SubnetRouteTableAssociation",
            SubnetId={"Ref": "Subnet"},
            RouteTableId=table or {"Ref": "Table"},
        ),
        "Route": resource("EC2::Route", **{"RouteTableId": {"Ref": "Table"}, **route}),
        "Nat": resource("EC2::NatGateway", SubnetId={"Ref": "Subnet"}, **properties),
    }


def connected(*, protocol="http", enabled=True, **each):
    ports = [{"ContainerPort": 8000, "Name": "api", **({"AppProtocol": protocol} if protocol else {})}]
    return {
        "Service": service(
            ServiceConnectConfiguration={"Enabled": enabled, "Services": [{"PortName": "api", **each}]},
        ),
        "Task": resource("ECS::TaskDefinition", ContainerDefinitions=[{"Name": "api", "PortMappings": ports}]),
    }


def suppressed(entries, ignored=("I3011",)):
    metadata = {"Suppressions": entries, "cfn-lint": {"config": {"ignore_checks": list(ignored)}}}
    return {"Topic": resource("SNS::Topic", metadata=metadata, TopicName="x")}


ARN = {"Fn::Sub": "${Secret}:key::"}
RULE = resource("ElasticLoadBalancingV2::ListenerRule", Actions=FORWARD, ListenerArn="arn:x")
CONDITION = "Role/Properties/Policies/0/PolicyDocument/Statement/1/Condition"
MANAGED = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}
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
    # E9015
    "wildcard under StringEquals": (
        condition(StringEquals={"cloudwatch:namespace": "Chat/*"}),
        [f"E9015 {CONDITION}/StringEquals/cloudwatch:namespace"],
    ),
    "one wildcard of a list": (
        condition(**{"ForAnyValue:StringNotEqualsIfExists": {"aws:x": ["a", {"Fn::Sub": "${AWS::Region}-?"}]}}),
        [f"E9015 {CONDITION}/ForAnyValue:StringNotEqualsIfExists/aws:x/1/Fn::Sub"],
    ),
    "wildcard put together": (
        condition(StringEquals={"aws:x": {"Fn::Join": ["/", ["Chat", "*"]]}}),
        [f"E9015 {CONDITION}/StringEquals/aws:x/Fn::Join/1/1"],
    ),
    "exact value": (condition(StringEquals={"cloudwatch:namespace": "Chat/LLM"}), []),
    "wildcard under StringLike": (condition(StringLike={"cloudwatch:namespace": "Chat/*"}), []),
    "wildcard under ArnEquals": (condition(ArnEquals={"aws:SourceArn": "arn:aws:s3:::*"}), []),
    "the character itself": (condition(StringEquals={"aws:x": "what${?} all${*}"}), []),
    "value by parameter": (condition(StringEquals={"aws:x": {"Ref": "Name"}}), []),
    "operator by condition": (condition(StringEquals=CHOICE), []),
    "something else that has an effect": (
        {"Topic": resource("SNS::Topic", TopicName={"Effect": "x", "Condition": {"StringEquals": {"a": "*"}}})},
        [],
    ),
    # E9016
    "blue/green as it should be": (blue_green(), []),
    "blue/green with the rule's ARN": (blue_green(rule={"Fn::GetAtt": ["Rule", "RuleArn"]}), []),
    "blue/green with a listener for a rule": (
        blue_green(rule={"Ref": "Listener"}),
        ["E9016 Service/Properties/LoadBalancers/0/AdvancedConfiguration/ProductionListenerRule"],
    ),
    "blue/green with a listener for its test": (
        blue_green(test={"Fn::GetAtt": ["Listener", "ListenerArn"]}),
        ["E9016 Service/Properties/LoadBalancers/0/AdvancedConfiguration/TestListenerRule"],
    ),
    "blue/green behind a Network Load Balancer": (
        blue_green(
            rule={"Ref": "Listener"},
            listener=resource("ElasticLoadBalancingV2::Listener", Protocol="TCP", DefaultActions=[]),
        ),
        [],
    ),
    "blue/green with one group forwarded to": (
        blue_green(forward=("Targets",)),
        ["E9016 Service/Properties/LoadBalancers/0/AdvancedConfiguration/AlternateTargetGroupArn"],
    ),
    "blue/green with its rule in another stack": (blue_green(forward=("Targets",), rule="arn:x"), []),
    "blue/green with a circuit breaker": (blue_green(Strategy="CANARY", **BREAKER), []),
    "strategy of a deployment by parameter": (blue_green(Strategy={"Ref": "Strategy"}, **BREAKER), []),
    # E9017
    "managed group with an action": (
        web_acl(Statement=MANAGED, Action={"Block": {}}),
        ["E9017 Acl/Properties/Rules/0/Action"],
    ),
    "managed group without anything": (web_acl(Statement=MANAGED), ["E9017 Acl/Properties/Rules/0"]),
    "managed group with an override": (web_acl(Statement=MANAGED, OverrideAction={"None": {}}), []),
    "managed group with a conditional action": (
        web_acl(Statement=MANAGED, Action={"Fn::If": ["Count", NO_VALUE, {"Block": {}}]}),
        [],
    ),
    "rate limit with an override": (
        web_acl(Statement={"RateBasedStatement": {"Limit": 100}}, OverrideAction={"None": {}}),
        ["E9017 Acl/Properties/Rules/0/OverrideAction"],
    ),
    "rate limit without anything": (
        web_acl(Statement={"RateBasedStatement": {"Limit": 100}}, Action=NO_VALUE),
        ["E9017 Acl/Properties/Rules/0"],
    ),
    "rate limit with an action": (
        web_acl(Statement={"RateBasedStatement": {"Limit": 100}}, Action={"Block": {}}),
        [],
    ),
    "statement by condition": (web_acl(Statement=CHOICE, Action={"Block": {}}), []),
    "rules by condition": ({"Acl": resource("WAFv2::WebACL", Rules=CHOICE)}, []),
    # E9018
    "log group of another name": (web_acl_log(LogGroupName="/chat/waf"), ["E9018 Log/Properties"]),
    "log group without a name": (web_acl_log(RetentionInDays=30), ["E9018 Log/Properties"]),
    "bucket of another name": (
        web_acl_log(kind="S3::Bucket", BucketName={"Fn::Sub": "logs-${AWS::AccountId}"}),
        ["E9018 Log/Properties"],
    ),
    "log group in a text": (
        web_acl_log({"Fn::Sub": "${Log.Arn}"}, LogGroupName={"Fn::Join": ["-", ["chat", {"Ref": "Name"}]]}),
        ["E9018 Log/Properties"],
    ),
    "log group of the right name": (web_acl_log(LogGroupName="aws-waf-logs-chat"), []),
    "log group of the right beginning": (web_acl_log(LogGroupName={"Fn::Sub": "aws-waf-logs-${Name}"}), []),
    "log group that may begin right": (web_acl_log(LogGroupName={"Fn::Sub": "aws-waf-${Name}"}), []),
    "log group named by parameter": (web_acl_log(LogGroupName={"Ref": "Name"}), []),
    "log group named by condition": (web_acl_log(LogGroupName=CHOICE), []),
    "log group of another stack": (web_acl_log("arn:x", LogGroupName="/chat/waf"), []),
    # E9019
    "NAT gateway behind a NAT gateway": (
        nat({"NatGatewayId": "nat-1"}),
        ["E9019 Nat/Properties/SubnetId"],
    ),
    "NAT gateway in a public subnet": (nat({"GatewayId": {"Ref": "Gateway"}}), []),
    "NAT gateway behind a firewall": (nat({"VpcEndpointId": "vpce-1"}), []),
    "NAT gateway of private addresses": (nat({"NatGatewayId": "nat-1"}, ConnectivityType="private"), []),
    "NAT gateway with a conditional route": (nat({"Fn::If": ["Public", {"GatewayId": "igw-1"}, {}]}), []),
    "NAT gateway with a route table of another stack": (
        nat({"NatGatewayId": "nat-1"}, table={"Ref": "TableId"}),
        [],
    ),
    "NAT gateway with a route whose table is a parameter": (
        nat({"NatGatewayId": "nat-1", "RouteTableId": {"Ref": "TableId"}}),
        [],
    ),
    # W9020
    "Service Connect for HTTP without a timeout": (
        connected(),
        ["W9020 Service/Properties/ServiceConnectConfiguration/Services/0"],
    ),
    "Service Connect for gRPC with an idle timeout only": (
        connected(protocol="grpc", Timeout={"IdleTimeoutSeconds": 600}),
        ["W9020 Service/Properties/ServiceConnectConfiguration/Services/0"],
    ),
    "Service Connect for HTTP with a timeout": (connected(Timeout={"PerRequestTimeoutSeconds": 120}), []),
    "Service Connect for HTTP with a conditional timeout": (connected(Timeout=CHOICE), []),
    "Service Connect for TCP": (connected(protocol=None), []),
    "Service Connect with a protocol by parameter": (connected(protocol={"Ref": "Protocol"}), []),
    "Service Connect that is off": (connected(enabled=False), []),
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
            "EC2::SubnetRouteTableAssociation",
            "EC2::VPCGatewayAttachment",
            "ECS::Service",
            "ECS::TaskDefinition",
            "ElasticLoadBalancingV2::Listener",
            "IAM::Role",
            "Logs::LogGroup",
            "WAFv2::LoggingConfiguration",
            "WAFv2::WebACL",
        )
    }
    template = {"Resources": {kind.replace(":", ""): made for kind, made in kinds.items()}}
    assert crashes(template) == []


BROKEN_INSIDE = {
    "deployment settings with a number for a key": service(DeploymentConfiguration={1: 2}),
    "load balancers that are a text": service(LoadBalancers="all"),
    "timeout with a number for a key": service(
        ServiceConnectConfiguration={"Services": [{"PortName": "api", "Timeout": {1: 2}}]}
    ),
    "Service Connect that is a list": service(ServiceConnectConfiguration=[None]),
    "web ACL rule that is nothing": resource("WAFv2::WebACL", Rules=[None]),
    "web ACL rule without a statement": resource("WAFv2::WebACL", Rules=[{"Statement": None}]),
    "web ACL statement with a number for a key": resource("WAFv2::WebACL", Rules=[{"Statement": {1: 2}}]),
    "web ACL action with a number for a key": resource(
        "WAFv2::WebACL", Rules=[{"Statement": MANAGED, "Action": {1: 2}}]
    ),
}


@pytest.mark.parametrize("broken", BROKEN_INSIDE.values(), ids=BROKEN_INSIDE)
def test_no_rule_crashes_on_nonsense_inside_a_resource(broken):
    assert crashes({"Resources": {"Broken": broken, "Task": 5}}) == []


def crashes(template):
    """What our rules, and not cfn-lint's, could not bear."""
    matches = cfn_lint._matches(Path("t.yaml"), yaml.safe_dump(template), ["us-east-1"])
    messages = [match.message for match in matches if match.rule.id == "E0002"]
    return [message for message in messages if any(f"rule {prefix}" in message for prefix in OURS)]


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
