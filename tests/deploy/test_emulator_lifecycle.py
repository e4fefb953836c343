"""The emulator's CloudFormation does to a stack what AWS does to it."""

from __future__ import annotations

import subprocess

from tests.deploy.emulator_fixtures import CALL_SECONDS, LocalAccount

ROLE = """
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Version: "2012-10-17", Statement: []}}
"""
QUEUE = """
Parameters: {Name: {Type: String, Default: first}, Delay: {Type: Number, Default: 0}}
Resources:
  Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref Name, DelaySeconds: !Ref Delay}}
Outputs: {Url: {Value: !Ref Jobs}}
"""
DETECTOR = "Resources: {Watch: {Type: AWS::GuardDuty::Detector, Properties: %s}}"
PRODUCER = """
Resources: {Jobs: {Type: AWS::SQS::Queue, Properties: {QueueName: %s}}}
Outputs: {Name: {Value: !GetAtt Jobs.QueueName}}
"""
CONSUMER = """
Parameters: {Producer: {Type: String, Default: producer}}
Resources:
  Value:
    Type: AWS::SSM::Parameter
    Properties: {Type: String, Value: %s}
Outputs: {Value: {Value: !GetAtt Value.Value}}
"""
STACK_OUTPUT = "{'Fn::GetStackOutput': {StackName: !Ref Producer, OutputName: Name%s}}"


def test_a_changed_parameter_updates_a_resource_in_place(local: LocalAccount) -> None:
    assert local.create("one", QUEUE) == "CREATE_COMPLETE"
    before = local.outputs("one")
    assert local.update("one", QUEUE, Delay="5") == "UPDATE_COMPLETE"
    assert local.outputs("one") == before


def test_a_create_only_property_replaces_a_resource_and_the_change_set_says_so(local: LocalAccount) -> None:
    local.create("one", QUEUE)
    assert local.changes("one", QUEUE, Name="second") == {"Jobs": ("Modify", "True")}
    assert local.update("one", QUEUE, Name="second") == "UPDATE_COMPLETE"
    assert local.outputs("one")["Url"].endswith("/second")


def test_an_unknown_property_fails_the_deploy_and_rolls_it_back(local: LocalAccount) -> None:
    template = QUEUE.replace("DelaySeconds: !Ref Delay", "DelaySecond: 1")
    assert local.create("one", template) == "ROLLBACK_COMPLETE"
    assert "#: extraneous key [DelaySecond] is not permitted" in local.failures("one")["Jobs"]
    assert not local.aws("sqs", "list-queues").get("QueueUrls")


def test_a_failed_update_goes_back_to_what_was(local: LocalAccount) -> None:
    local.create("one", QUEUE)
    broken = QUEUE.replace("DelaySeconds: !Ref Delay", "DelaySeconds: soon")
    assert local.update("one", broken) == "UPDATE_ROLLBACK_COMPLETE"
    assert "#/DelaySeconds: expected type: Integer, found: String" in local.failures("one")["Jobs"]
    assert local.outputs("one")["Url"].endswith("/first")


def test_a_missing_required_property_fails_the_deploy(local: LocalAccount) -> None:
    local.create("one", DETECTOR % "{}")
    assert "#: required key [Enable] not found" in local.failures("one")["Watch"]


def test_a_value_outside_the_enum_fails_the_deploy(local: LocalAccount) -> None:
    local.create("one", DETECTOR % "{Enable: true, FindingPublishingFrequency: YEARLY}")
    assert "#/FindingPublishingFrequency: YEARLY is not a valid enum value" in local.failures("one")["Watch"]


def test_a_type_outside_the_registry_is_refused(local: LocalAccount) -> None:
    template = "Resources: {Jobs: {Type: AWS::SQS::Line}}"
    assert "Unrecognized resource types: [AWS::SQS::Line]" in local.refusal("create", "one", template)


def test_a_reference_to_nothing_is_refused(local: LocalAccount) -> None:
    template = QUEUE.replace("!Ref Delay", "!Ref Pause")
    assert "Unresolved resource dependencies [Pause]" in local.refusal("create", "one", template)


def test_a_stack_with_roles_must_be_acknowledged(local: LocalAccount) -> None:
    refused = local.refusal("create", "one", f"Resources: {ROLE}", "--capabilities", "CAPABILITY_AUTO_EXPAND")
    assert "Requires capabilities : [CAPABILITY_IAM]" in refused


def test_a_named_role_must_be_acknowledged_as_such(local: LocalAccount) -> None:
    named = f"Resources: {ROLE}".replace("Properties: {", "Properties: {RoleName: deployer, ")
    refused = local.refusal("create", "one", named, "--capabilities", "CAPABILITY_IAM")
    assert "Requires capabilities : [CAPABILITY_NAMED_IAM]" in refused


def test_a_stack_that_never_came_up_can_only_be_deleted(local: LocalAccount) -> None:
    local.create("one", DETECTOR % "{}")
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in local.refusal("update", "one", QUEUE)
    assert "is in ROLLBACK_COMPLETE state and can not be updated" in local.refusal("changes", "one", QUEUE)
    assert "already exists" in local.refusal("create", "one", QUEUE)
    local.delete("one")
    assert local.create("one", QUEUE) == "CREATE_COMPLETE"


def test_a_stack_policy_keeps_a_resource_from_being_replaced(local: LocalAccount) -> None:
    policy = (
        '{"Statement": [{"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},'
        ' {"Effect": "Deny", "Action": ["Update:Replace", "Update:Delete"], "Principal": "*", "Resource": "*",'
        ' "Condition": {"StringEquals": {"ResourceType": ["AWS::SQS::Queue"]}}}]}'
    )
    local.create("one", QUEUE, "--stack-policy-body", policy)
    assert local.update("one", QUEUE, Delay="5") == "UPDATE_COMPLETE"
    assert local.update("one", QUEUE, Name="second") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Action denied by stack policy: Statement [#2]" in local.failures("one")["Jobs"]
    assert local.outputs("one")["Url"].endswith("/first")


def test_an_output_of_another_stack_reaches_a_resource(local: LocalAccount) -> None:
    local.create("producer", PRODUCER % "home")
    joined = f"!Join ['-', [x, {STACK_OUTPUT % ''}]]"
    assert local.create("consumer", CONSUMER % joined) == "CREATE_COMPLETE"
    assert local.outputs("consumer") == {"Value": "x-home"}


def test_an_output_of_a_stack_in_another_region_reaches_a_resource(local: LocalAccount) -> None:
    local.create("producer", PRODUCER % "away", region="eu-west-1")
    assert local.create("consumer", CONSUMER % (STACK_OUTPUT % ", Region: eu-west-1")) == "CREATE_COMPLETE"
    assert local.outputs("consumer") == {"Value": "away"}


def test_a_missing_stack_or_output_fails_with_its_name(local: LocalAccount) -> None:
    local.create("consumer", CONSUMER % (STACK_OUTPUT % ""))
    assert "stack 'producer' does not exist in us-east-1" in local.failures("consumer")["Value"]
    local.create("producer", PRODUCER % "home")
    local.create("other", CONSUMER % "{'Fn::GetStackOutput': {StackName: producer, OutputName: Url}}")
    assert "stack 'producer' in us-east-1 has no output 'Url' (it has: Name)" in local.failures("other")["Value"]


def test_an_output_of_another_stack_is_refused_inside_sub(local: LocalAccount) -> None:
    local.create("producer", PRODUCER % "home")
    refused = local.refusal("create", "consumer", CONSUMER % f"!Sub ['x-${{Name}}', {{Name: {STACK_OUTPUT % ''}}}]")
    assert "Fn::GetStackOutput cannot be used inside Fn::Sub" in refused


def test_the_plain_cli_deploys_and_says_when_nothing_changes(local: LocalAccount) -> None:
    path = local.folder / "queue.yaml"
    path.write_text(QUEUE, "utf-8")
    command = ["aws", "--endpoint-url", local.emulator.endpoint_url, "cloudformation", "deploy"]
    command += ["--stack-name", "plain", "--template-file", str(path)]
    first = subprocess.run(
        command, env=local.emulator.environment, capture_output=True, text=True, timeout=CALL_SECONDS, check=False
    )
    assert "Successfully created/updated stack - plain" in first.stdout, first.stderr
    assert "amazonaws.com" not in first.stderr
    assert local.changes("plain", QUEUE) == {}
