from __future__ import annotations

import pytest
from troposphere import sqs

from blueprints.access import grants
from blueprints.access.connections import reach_https
from blueprints.components.function import Function, StoredCode
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-20")

CODE = "def handler(event, context):\n    return event\n"


def made(**changes):
    return Function("Echo", **{"why": "Says what it hears.", "code": CODE, **changes})


@pytest.fixture
def queue():
    queue = sqs.Queue("Dead", MessageRetentionPeriod=1209600, DeletionPolicy="Delete", UpdateReplacePolicy="Delete")
    return because("Keeps what failed.", queue)


def statements(role):
    return {one["Sid"]: one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]}


def test_logical_ids_are_a_promise(network):
    assert [resource.title for resource in made().resources()] == ["EchoLogGroup", "EchoFunctionRole", "EchoFunction"]
    assert [resource.title for resource in made(network=network).resources()] == [
        "EchoSecurityGroup",
        "EchoLogGroup",
        "EchoFunctionRole",
        "EchoFunction",
    ]


def test_no_linter_finds_anything(stack_of, findings, network, network_parameters, queue):
    inside = made(
        network=network,
        dead_letter=queue,
        environment={"GREETING": "hello"},
        reserved_concurrency=5,
        physical_name="echo-dev",
        log_group_name="/lambda/echo-dev",
        may=[grants.detect_in_images()],
    )
    stack = stack_of(*network_parameters, queue, inside)
    inside.wait_for(stack.add(reach_https(inside)))
    assert findings(stack) == []
    assert findings(stack_of(made())) == []


def test_it_runs_on_a_current_runtime_on_graviton(stack_of, properties_of):
    function = properties_of(stack_of(made()), "EchoFunction")
    assert (function["Runtime"], function["Architectures"]) == ("python3.14", ["arm64"])
    assert (function["Handler"], function["Code"]) == ("index.handler", {"ZipFile": CODE})


def test_it_logs_in_json_to_a_group_of_its_own_and_is_traced(stack_of, properties_of):
    stack = stack_of(made(log_retention_days=7))
    function = properties_of(stack, "EchoFunction")
    assert function["LoggingConfig"] == {
        "ApplicationLogLevel": "INFO",
        "LogFormat": "JSON",
        "LogGroup": {"Ref": "EchoLogGroup"},
        "SystemLogLevel": "INFO",
    }
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert properties_of(stack, "EchoLogGroup")["RetentionInDays"] == 7


def test_outside_a_vpc_its_role_can_write_its_log_and_send_traces_and_no_more(stack_of, properties_of):
    allowed = statements(properties_of(stack_of(made()), "EchoFunctionRole"))
    assert allowed.keys() == {"WriteToEchoLogGroup", "SendTraces"}
    assert allowed["WriteToEchoLogGroup"]["Resource"] == [{"Fn::GetAtt": ["EchoLogGroup", "Arn"]}]
    assert allowed["SendTraces"]["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def test_only_lambda_takes_its_role_on(stack_of, properties_of):
    (trust,) = properties_of(stack_of(made()), "EchoFunctionRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": ["lambda.amazonaws.com"]}


def test_in_a_vpc_it_is_in_the_private_subnets_with_a_group_that_is_closed(
    stack_of, properties_of, network, network_parameters
):
    stack = stack_of(*network_parameters, made(network=network))
    assert properties_of(stack, "EchoFunction")["VpcConfig"] == {
        "SecurityGroupIds": [{"Fn::GetAtt": ["EchoSecurityGroup", "GroupId"]}],
        "SubnetIds": {"Ref": "PrivateSubnetIds"},
    }
    group = properties_of(stack, "EchoSecurityGroup")
    assert [rule["CidrIp"] for rule in group["SecurityGroupEgress"]] == ["127.0.0.1/32"]
    assert "SecurityGroupIngress" not in group


def test_in_a_vpc_lambda_manages_interfaces_and_the_code_does_not(stack_of, properties_of, network, network_parameters):
    stack = stack_of(*network_parameters, made(network=network))
    allowed = statements(properties_of(stack, "EchoFunctionRole"))
    assert {"ManageInterfaces", "FindInterfaces", "KeepInterfacesFromCode"} <= allowed.keys()
    assert allowed["KeepInterfacesFromCode"]["Effect"] == "Deny"


def test_what_lambda_gives_up_goes_to_the_queue(stack_of, properties_of, queue):
    stack = stack_of(queue, made(dead_letter=queue))
    arn = {"Fn::GetAtt": ["Dead", "Arn"]}
    assert properties_of(stack, "EchoFunction")["DeadLetterConfig"] == {"TargetArn": arn}
    assert statements(properties_of(stack, "EchoFunctionRole"))["SendToQueue"]["Resource"] == [arn]


def test_the_code_has_what_it_may_do_in_a_policy_of_its_own(stack_of, properties_of):
    role = properties_of(stack_of(made(may=[grants.detect_in_images()])), "EchoFunctionRole")
    assert [policy["PolicyName"] for policy in role["Policies"]] == ["Run", "Application"]


def test_it_waits_for_its_way_out(stack_of, network, network_parameters):
    inside = made(network=network)
    stack = stack_of(*network_parameters, inside)
    inside.wait_for(stack.add(reach_https(inside)))
    assert to_dict(stack)["Resources"]["EchoFunction"]["DependsOn"] == ["EchoToHttpsEgress"]


def test_code_comes_from_a_bucket_in_a_version(stack_of, properties_of):
    stored = made(code=StoredCode("code-bucket", "echo.zip", "3/L4kqtJ"), handler="echo.handler")
    function = properties_of(stack_of(stored), "EchoFunction")
    assert function["Code"] == {"S3Bucket": "code-bucket", "S3Key": "echo.zip", "S3ObjectVersion": "3/L4kqtJ"}
    assert function["Handler"] == "echo.handler"


def test_nothing_is_reserved_unless_it_is_asked_for(stack_of, properties_of):
    assert "ReservedConcurrentExecutions" not in properties_of(stack_of(made()), "EchoFunction")
    assert properties_of(stack_of(made(reserved_concurrency=0)), "EchoFunction")["ReservedConcurrentExecutions"] == 0


def test_a_function_in_no_vpc_has_no_security_group_to_connect():
    with pytest.raises(SettingsError, match=r"Echo is in no VPC and has no security group; make it with network="):
        reach_https(made())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"timeout": 901}, "timeout is 901; Lambda takes 1 to 900 seconds"),
        ({"timeout": 0}, "timeout is 0"),
        ({"memory": 64}, "memory is 64; Lambda takes 128 to 10240 MiB"),
        ({"code": "#" * 4097}, "code has 4097 bytes; inline it has 1 to 4096, otherwise give StoredCode"),
        ({"code": ""}, "code has 0 bytes"),
        ({"handler": "echo.handler"}, "handler is 'echo.handler'; inline code is the module index"),
    ],
)
def test_what_lambda_does_not_take_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        made(**changes)
