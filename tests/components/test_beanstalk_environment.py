from __future__ import annotations

import json

import pytest
from troposphere import GetStackOutput, Parameter, Ref, Sub, logs

from blueprints.access import grants
from blueprints.access.connections import Peer, connect, reach_https
from blueprints.components.beanstalk import BeanstalkApplication, BeanstalkVersion, platform_arn
from blueprints.components.beanstalk_environment import BeanstalkEnvironment
from blueprints.components.beanstalk_settings import Capacity, Operations
from blueprints.components.bucket import AccessLogBucket
from blueprints.components.load_balancer import TLS_POLICY
from blueprints.components.network import Network, Vpc
from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import image_tag
from blueprints.render.template import to_dict, to_yaml

pytestmark = pytest.mark.row("WB-03")

SECRET = SecretValue(Ref("DatabaseArn"))
PREFIX_LIST = "pl-3b927c52"


@pytest.fixture
def environment(network):
    def make(**given):
        application = BeanstalkApplication("Api", description="An API")
        version = BeanstalkVersion("Api", application=application, bucket=Ref("Bundles"), key=Sub("${ImageTag}.zip"))
        needed = {"network": network, "variables": {"LOG_LEVEL": "info"}, "secrets": {"DATABASE_PASSWORD": SECRET}}
        made = BeanstalkEnvironment(
            "Api", application=application, version=version, repository="web", **{**needed, **given}
        )
        return [application, version, made]

    return make


@pytest.fixture
def options_of(stack_of, environment):
    """The options by namespace, with each value as it stands in the template."""

    def options(**given):
        properties = to_dict(stack_of(*environment(**given)))["Resources"]["ApiEnvironment"]["Properties"]
        found: dict[str, dict[str, object]] = {}
        for each in properties["OptionSettings"]:
            found.setdefault(each["Namespace"], {})[each["OptionName"]] = each["Value"]
        assert sum(map(len, found.values())) == len(properties["OptionSettings"])
        return found

    return options


def test_logical_ids_are_a_promise(environment):
    assert [part.title for each in environment() for part in each.resources()] == [
        "ApiApplication",
        "ApiVersion",
        "ApiSecurityGroup",
        "ApiLoadBalancerSecurityGroup",
        "ClientsToApiLoadBalancerIngress",
        "ApiLoadBalancerToApiEgress",
        "ApiLoadBalancerToApiIngress",
        "ApiLogGroup",
        "ApiServiceRole",
        "ApiInstanceRole",
        "ApiInstanceProfile",
        "ApiEnvironment",
    ]


def parameters():
    names = {"DatabaseArn": "ARN of the secret", "Bundles": "Bucket of source bundles", "Certificate": "A certificate"}
    return [Parameter(name, Type="String", Description=about) for name, about in names.items()]


@pytest.mark.parametrize("pinned", [False, True])
def test_no_linter_finds_anything(stack_of, findings, environment, network_parameters, pinned):
    public = Parameter("PublicSubnetIds", Type="List<AWS::EC2::Subnet::Id>", Description="Public subnets")
    # A parameter that nothing uses is a finding of its own.
    database, bundles, certificate = parameters()
    used = [bundles, database, *([certificate] if pinned else []), *([platform_arn()] if pinned else [])]
    stack = stack_of(*network_parameters, public, image_tag("web"), *used)
    log_bucket = AccessLogBucket("Logs", expire_after_days=30)
    given = {"platform": Ref("PlatformArn"), "certificate": Ref("Certificate"), "access_logs": log_bucket}
    parts = environment(**(given if pinned else {}))
    stack.add([*parts, log_bucket] if pinned else parts)
    https = stack.add(reach_https(parts[-1]))
    parts[-1].wait_for(https)
    assert findings(stack) == []


def test_every_value_is_a_text_or_a_function(options_of):
    values = [value for options in options_of().values() for value in options.values()]
    assert all(isinstance(value, str | dict) for value in values)


def test_instances_start_from_launch_templates_without_imdsv1(options_of):
    options = options_of()["aws:autoscaling:launchconfiguration"]
    assert (options["DisableIMDSv1"], options["RootVolumeType"]) == ("true", "gp3")
    assert options["IamInstanceProfile"] == {"Ref": "ApiInstanceProfile"}


def test_instances_wear_their_own_group_and_no_default_one(options_of):
    found = options_of()
    instances = found["aws:autoscaling:launchconfiguration"]
    assert instances["DisableDefaultEC2SecurityGroup"] == "true"
    assert instances["SecurityGroups"] == {"Fn::GetAtt": ["ApiSecurityGroup", "GroupId"]}
    balancer = {"Fn::GetAtt": ["ApiLoadBalancerSecurityGroup", "GroupId"]}
    assert found["aws:elbv2:loadbalancer"]["SecurityGroups"] == balancer
    assert found["aws:elbv2:loadbalancer"]["ManagedSecurityGroup"] == balancer


def test_instances_are_private_and_the_load_balancer_is_public(options_of):
    options = options_of()["aws:ec2:vpc"]
    assert options["Subnets"] == {"Fn::Join": [",", {"Ref": "PrivateSubnetIds"}]}
    assert options["ELBSubnets"] == {"Fn::Join": [",", {"Ref": "PublicSubnetIds"}]}
    assert (options["ELBScheme"], options["AssociatePublicIpAddress"]) == ("public", "false")


def test_subnets_of_another_stack_come_as_one_text(options_of):
    joined = GetStackOutput(StackName="network", OutputName="PrivateSubnets")
    options = options_of(network=Network(Ref("VpcId"), joined, joined))["aws:ec2:vpc"]
    assert options["Subnets"] == joined.to_dict()
    with pytest.raises(SettingsError, match="publish them as one text"):
        options_of(network=Network(Ref("VpcId"), [joined], [joined]))


@pytest.mark.parametrize(
    ("instance_type", "architecture"),
    [("t3.small", "x86_64"), ("t4g.small", "arm64"), ("c7gn.large", "arm64"), ("g4dn.xlarge", "x86_64")],
)
def test_the_architecture_is_the_instance_types(options_of, instance_type, architecture):
    options = options_of(capacity=Capacity(instance_type))["aws:ec2:instances"]
    assert options == {"InstanceTypes": instance_type, "SupportedArchitectures": architecture}


@pytest.mark.row("WB-04")
def test_the_load_balancer_asks_for_health_through_the_proxy(options_of):
    options = options_of(health_path="/health")["aws:elasticbeanstalk:environment:process:default"]
    assert (options["HealthCheckPath"], options["MatcherHTTPCode"], options["Port"]) == ("/health", "200", "80")


def test_with_a_certificate_nothing_but_https_listens(stack_of, options_of, environment, properties_of):
    certificate = Ref("Certificate")
    found = options_of(certificate=certificate)
    assert found["aws:elbv2:listener:default"]["ListenerEnabled"] == "false"
    assert found["aws:elbv2:listener:443"] == {
        "ListenerEnabled": "true",
        "Protocol": "HTTPS",
        "SSLCertificateArns": {"Ref": "Certificate"},
        "SSLPolicy": TLS_POLICY,
    }
    rule = properties_of(stack_of(*environment(certificate=certificate)), "ClientsToApiLoadBalancerIngress")
    assert (rule["FromPort"], rule["ToPort"]) == (443, 443)


def test_cloudfront_alone_can_be_let_in(stack_of, environment, properties_of):
    stack = stack_of(*environment(prefix_list=PREFIX_LIST))
    assert properties_of(stack, "CloudFrontToApiLoadBalancerIngress")["SourcePrefixListId"] == PREFIX_LIST
    with pytest.raises(SettingsError, match="give one"):
        environment(prefix_list=PREFIX_LIST, clients="10.0.0.0/8")


def test_access_logs_wait_for_the_buckets_policy(stack_of, environment):
    bucket = AccessLogBucket("Logs", expire_after_days=30)
    made = to_dict(stack_of(bucket, *environment(access_logs=bucket)))["Resources"]["ApiEnvironment"]
    assert "LogsBucketPolicy" in made["DependsOn"]
    assert {"Ref": "LogsBucket"} in [each["Value"] for each in made["Properties"]["OptionSettings"]]


@pytest.mark.row("WB-05")
def test_secrets_are_read_by_instances_and_stand_in_no_configuration(stack_of, options_of, environment):
    found = options_of()
    assert found["aws:elasticbeanstalk:application:environmentsecrets"] == {"DATABASE_PASSWORD": {"Ref": "DatabaseArn"}}
    assert set(found["aws:elasticbeanstalk:application:environment"]) == {"LOG_LEVEL", "LOG_GROUP"}
    role = to_dict(stack_of(*environment()))["Resources"]["ApiInstanceRole"]["Properties"]
    (read,) = [each for each in role["Policies"][0]["PolicyDocument"]["Statement"] if each["Sid"] == "ReadSecrets"]
    assert read["Resource"] == [{"Ref": "DatabaseArn"}]


@pytest.mark.parametrize(
    "given",
    [
        {"secrets": {"LOG_LEVEL": SECRET}},
        {"variables": {"LOG_GROUP": "mine"}},
        {"secrets": {"KEY": SecretValue("arn:key::", arn="arn")}},
        {"secrets": {"KEY": SecretValue.parameter("/app/key")}},
        {"health_path": "health"},
    ],
)
def test_what_elastic_beanstalk_would_refuse_late_is_refused_at_once(environment, given):
    with pytest.raises(SettingsError, match="Api: "):
        environment(**given)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Capacity, {"instance_type": "small"}),
        (Capacity, {"minimum": 3, "maximum": 2}),
        (Capacity, {"target_cpu": 95}),
        (Capacity, {"volume_gib": 8}),
        (Operations, {"log_retention_days": 10}),
        (Operations, {"update_window": "Sunday"}),
        (Operations, {"command_seconds": 3601}),
    ],
)
def test_a_value_out_of_bounds_is_named_with_what_is_allowed(kind, given):
    with pytest.raises(SettingsError, match=str(next(iter(given.values())))):
        kind(**given)


@pytest.mark.row("WB-10")
@pytest.mark.parametrize(
    ("deployment", "policy", "update"),
    [
        ("rolling", "RollingWithAdditionalBatch", "Health"),
        ("immutable", "Immutable", "Immutable"),
        ("traffic-splitting", "TrafficSplitting", "Immutable"),
    ],
)
def test_a_deployment_waits_for_health_whichever_way_it_goes(options_of, deployment, policy, update):
    found = options_of(deployment=deployment)
    assert found["aws:elasticbeanstalk:command"]["DeploymentPolicy"] == policy
    assert found["aws:elasticbeanstalk:command"]["IgnoreHealthCheck"] == "false"
    assert found["aws:autoscaling:updatepolicy:rollingupdate"]["RollingUpdateType"] == update
    assert ("aws:elasticbeanstalk:trafficsplitting" in found) is (deployment == "traffic-splitting")


@pytest.mark.row("WB-08")
def test_health_is_enhanced_published_and_does_not_count_what_clients_did_wrong(options_of):
    found = options_of(log_retention_days=90, keep=True)
    health = found["aws:elasticbeanstalk:healthreporting:system"]
    document = json.loads(health["ConfigDocument"])
    assert health["SystemType"] == "enhanced"
    assert {"ApplicationRequestsTotal", "ApplicationRequests5xx", "ApplicationLatencyP99"} <= set(
        document["CloudWatchMetrics"]["Environment"]
    )
    assert set(document["CloudWatchMetrics"]["Environment"].values()) == {60}
    assert document["Rules"]["Environment"]["ELB"]["ELBRequests4xx"] == {"Enabled": False}
    assert found["aws:elasticbeanstalk:cloudwatch:logs"] == {
        "StreamLogs": "true",
        "DeleteOnTerminate": "false",
        "RetentionInDays": "90",
    }


@pytest.mark.row("WB-08")
def test_the_containers_output_goes_to_a_log_group_of_the_stack(stack_of, environment):
    resources = to_dict(stack_of(*environment(may=[grants.write_logs(logs.LogGroup("Audit"))])))["Resources"]
    run, application = resources["ApiInstanceRole"]["Properties"]["Policies"]
    written = [each for each in run["PolicyDocument"]["Statement"] if each["Sid"] == "WriteToApiLogGroup"]
    assert [each["Resource"] for each in written] == [[{"Fn::GetAtt": ["ApiLogGroup", "Arn"]}]]
    assert application["PolicyName"] == "Application"


def test_the_platform_is_updated_in_a_window_by_the_service_linked_role(options_of):
    assert options_of()["aws:elasticbeanstalk:managedactions"] == {
        "ManagedActionsEnabled": "true",
        "PreferredStartTime": "Sun:03:00",
        "ServiceRoleForManagedUpdates": "AWSServiceRoleForElasticBeanstalkManagedUpdates",
    }
    without = options_of(update_window=None)
    assert without["aws:elasticbeanstalk:managedactions"] == {"ManagedActionsEnabled": "false"}
    assert "aws:elasticbeanstalk:managedactions:platformupdate" not in without


def test_a_platform_is_changed_in_place(stack_of, environment, properties_of):
    properties = properties_of(stack_of(*environment()), "ApiEnvironment")
    assert properties["PlatformArn"] == {
        "Fn::Sub": "arn:${AWS::Partition}:elasticbeanstalk:::platform/Docker running on 64bit Amazon Linux 2023"
    }
    assert "SolutionStackName" not in properties
    assert "EnvironmentName" not in properties


def test_it_waits_for_its_ways_in_and_out(stack_of, environment):
    parts = environment()
    https, database = reach_https(parts[-1]), connect(parts[-1], Peer("Database", "sg-1", 5432))
    parts[-1].wait_for(https, *database)
    waits = to_dict(stack_of(*parts))["Resources"]["ApiEnvironment"]["DependsOn"]
    assert {"ClientsToApiLoadBalancerIngress", "ApiLoadBalancerToApiIngress", "ApiToHttpsEgress"} <= set(waits)
    assert {"ApiToDatabaseEgress", "ApiToDatabaseIngress"} <= set(waits)


def test_another_tag_makes_another_version_and_keeps_the_environment(stack_of, environment, local):
    """The emulator stands in for these types: order, names and lifecycle are real, the options are not."""
    vpc = Vpc("Main", zones=2, egress="nat")
    template = to_yaml(stack_of(vpc, image_tag("web"), *parameters()[:2], *environment(network=vpc.network)))
    given = {"DatabaseArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf", "Bundles": "bundles"}
    local.aws("s3api", "create-bucket", "--bucket", "bundles")
    for tag in ("v1", "v2"):
        local.aws("s3api", "put-object", "--bucket", "bundles", "--key", f"{tag}.zip")
    assert local.create("api", template, ImageTag="v1", **given) == "CREATE_COMPLETE"
    before = local.physical_ids("api")
    assert local.update("api", template, ImageTag="v2", **given) == "UPDATE_COMPLETE"
    after = local.physical_ids("api")
    assert {name for name, value in before.items() if after[name] != value} == {"ApiVersion"}
    assert after["ApiSecurityGroup"] in groups(local)
    local.delete("api")
    assert after["ApiSecurityGroup"] not in groups(local)


def groups(local):
    return [each["GroupId"] for each in local.aws("ec2", "describe-security-groups")["SecurityGroups"]]
