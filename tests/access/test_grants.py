from __future__ import annotations

import functools
import importlib
import inspect
import json
import typing
from pathlib import Path

import awacs
import cfnlint
import pytest
from awacs import s3 as s3_actions
from awacs import ssmmessages as ssmmessages_actions
from awacs.aws import Action, Condition, Statement, StringEquals
from troposphere import Ref, Sub, events, logs, sqs
from troposphere import s3 as s3_resources

from blueprints.access import bucket_policies, grants, queue_policies
from blueprints.access.grants import UNSCOPED, allow
from blueprints.model.errors import TooBroadError

ARN = Ref("Arn")
LOG_GROUP = logs.LogGroup("Log")

GRANTS = {
    "decrypt_parameters": grants.decrypt_parameters(),
    "deploy_by_change_set": grants.deploy_by_change_set("facerec-dev-service"),
    "detect_in_images": grants.detect_in_images(),
    "exchange_artifacts": grants.exchange_artifacts(ARN),
    "find_interfaces": grants.find_interfaces(),
    "hand_role_to": grants.hand_role_to("cloudformation", ARN),
    "invoke_function": grants.invoke_function(ARN),
    "invoke_models": grants.invoke_models(["amazon.nova-micro-v1:0"], ["us.amazon.nova-lite-v1:0"]),
    "list_objects": grants.list_objects(ARN, prefix="uploads/"),
    "log_in_to_registry": grants.log_in_to_registry(),
    "manage_interfaces": grants.manage_interfaces(),
    "open_shell": grants.open_shell(),
    "pull_image": grants.pull_image("facerec-api"),
    "push_image": grants.push_image("facerec-api"),
    "put_metrics": grants.put_metrics("RecipeChatbot/LLM"),
    "read_artifacts": grants.read_artifacts(ARN),
    "read_objects": grants.read_objects(ARN),
    "read_parameters": grants.read_parameters([ARN]),
    "read_secrets": grants.read_secrets([ARN]),
    "read_write_items": grants.read_write_items(ARN),
    "read_write_objects": grants.read_write_objects(ARN),
    "run_builds": grants.run_builds(ARN),
    "send_to_queue": grants.send_to_queue(ARN),
    "send_traces": grants.send_traces(),
    "use_connection": grants.use_connection(ARN),
    "write_flow_logs": grants.write_flow_logs(LOG_GROUP),
    "write_logs": grants.write_logs(LOG_GROUP),
    "write_objects": grants.write_objects(ARN),
}

# Services whose awacs module is called otherwise, because the name is a word of Python's.
MODULES = {"lambda": "awslambda"}

EACH = pytest.mark.parametrize("statement", GRANTS.values(), ids=GRANTS.keys())


def data(policy_part):
    def plain(part):
        return part.JSONrepr() if hasattr(part, "JSONrepr") else part.to_dict()

    return json.loads(json.dumps(policy_part.JSONrepr(), default=plain))


@functools.cache
def known_actions(service: str) -> dict[str, dict]:
    """The actions of a service, in lower case, with the resources that each takes, as cfn-lint knows them."""
    path = Path(cfnlint.__file__).parent / "data" / "AdditionalSpecs" / "Policies.json"
    return json.loads(path.read_text(encoding="utf-8"))[service]["Actions"]


# What takes a resource that there is no choice of, or none in the calls that are allowed: an account has exactly one
# data set for metrics, and images are moderated without an adapter of one's own.
WITHOUT_A_CHOICE = {"cloudwatch:PutMetricData", "rekognition:DetectModerationLabels"}


def takes_a_resource(action: str) -> bool:
    service, name = action.split(":")
    return "Resources" in known_actions(service)[name.lower()] and action not in WITHOUT_A_CHOICE


def test_every_grant_there_is_is_looked_at_here():
    hints = {
        name: typing.get_type_hints(function)
        for name, function in inspect.getmembers(grants, inspect.isfunction)
        if function.__module__ == grants.__name__
    }
    refusals = {"keep_interfaces_from_code"}
    assert {name for name, hint in hints.items() if hint["return"] is Statement} - {"allow"} - refusals == set(GRANTS)


@pytest.mark.row("XX-03")
@EACH
def test_a_grant_is_one_statement_with_an_id_that_allows(statement):
    made = data(statement)
    assert made["Effect"] == "Allow"
    assert made["Sid"].isalnum()
    assert not {"NotAction", "NotResource"} & made.keys()


@pytest.mark.row("XX-03")
@EACH
def test_a_grant_names_actions_that_exist(statement):
    for action in data(statement)["Action"]:
        service, name = action.split(":")
        assert name.lower() in known_actions(service)
        module = MODULES.get(service, service.replace("-", "_"))
        assert hasattr(importlib.import_module(f"{awacs.__name__}.{module}"), name)


@pytest.mark.row("XX-03")
@EACH
def test_a_grant_names_its_resources_unless_aws_scopes_the_action_to_none(statement):
    made = data(statement)
    if made["Resource"] == ["*"]:
        assert not any(takes_a_resource(action) for action in made["Action"])
    else:
        assert "*" not in made["Resource"]
        assert all(takes_a_resource(action) for action in made["Action"])


@pytest.mark.row("XX-03")
def test_the_actions_without_resources_are_those_that_aws_scopes_to_none():
    assert [action for action in sorted(UNSCOPED) if takes_a_resource(action)] == []


@pytest.mark.row("XX-13")
@EACH
def test_no_grant_names_a_partition(statement):
    text = json.dumps(data(statement))
    assert "arn:aws" not in text
    assert "amazonaws.com.cn" not in text


def test_ids_are_told_apart():
    sids = [data(statement)["Sid"] for statement in GRANTS.values()]
    assert len(set(sids)) == len(sids)


# What allow refuses


@pytest.mark.row("XX-03")
@pytest.mark.parametrize("name", ["*", "Get*", "Get?bject"])
def test_a_wildcard_in_an_action_is_refused(name):
    with pytest.raises(TooBroadError, match="Everything: name the actions and the resources, got"):
        allow("Everything", Action("s3", name), on=[ARN])


@pytest.mark.row("XX-03")
def test_no_action_is_refused():
    with pytest.raises(TooBroadError, match=r"got \[\] on"):
        allow("Nothing", on=[ARN])


@pytest.mark.row("XX-03")
def test_no_resource_is_refused():
    with pytest.raises(TooBroadError, match=r"on \[\]"):
        allow("Nowhere", s3_actions.GetObject, on=[])


@pytest.mark.row("XX-03")
def test_any_resource_is_refused_for_an_action_that_takes_one():
    with pytest.raises(TooBroadError, match=r"got \['s3:GetObject'\] on \['\*'\]"):
        allow("Anywhere", s3_actions.GetObject, on=["*"])


@pytest.mark.row("XX-03")
def test_any_resource_is_refused_where_only_one_of_the_actions_takes_none():
    with pytest.raises(TooBroadError):
        allow("Mixed", ssmmessages_actions.OpenDataChannel, s3_actions.GetObject, on=["*"])


@pytest.mark.row("XX-03")
def test_any_resource_is_refused_beside_a_named_one():
    with pytest.raises(TooBroadError):
        allow("Both", s3_actions.GetObject, on=[ARN, "*"])


def test_a_condition_narrows_a_statement():
    only_food = Condition([StringEquals("aws:ResourceTag/Team", "food")])
    assert data(allow("Some", s3_actions.GetObject, on=[ARN], when=only_food)) == {
        "Sid": "Some",
        "Effect": "Allow",
        "Action": ["s3:GetObject"],
        "Resource": [{"Ref": "Arn"}],
        "Condition": {"StringEquals": {"aws:ResourceTag/Team": "food"}},
    }


# Documents


def test_a_document_is_in_the_current_policy_language():
    assert data(grants.document(grants.open_shell()))["Version"] == "2012-10-17"
    inline = grants.policy("Shell", grants.open_shell()).to_dict()
    assert (inline["PolicyName"], inline["PolicyDocument"]["Version"]) == ("Shell", "2012-10-17")


@pytest.mark.row("XX-13")
def test_a_role_is_taken_on_by_the_same_principal_in_every_partition():
    (statement,) = data(grants.trust("ecs-tasks"))["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["sts:AssumeRole"],
        "Principal": {"Service": ["ecs-tasks.amazonaws.com"]},
    }


@pytest.mark.row("XX-03")
def test_a_role_is_taken_on_for_this_account_and_these_resources_only():
    arn = Sub("arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:*")
    (statement,) = data(grants.trust("ecs-tasks", source_arn=arn))["Statement"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
        "ArnLike": {"aws:SourceArn": arn.to_dict()},
    }


# What single grants promise


@pytest.mark.row("FR-09")
def test_parameters_are_decrypted_through_systems_manager_only():
    assert data(grants.decrypt_parameters())["Condition"] == {
        "StringEquals": {"kms:ViaService": {"Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"}}
    }


def test_a_role_is_handed_to_one_service_only():
    made = data(grants.hand_role_to("cloudformation", ARN))
    assert made["Resource"] == [{"Ref": "Arn"}]
    assert made["Condition"] == {"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}}


@pytest.mark.row("RC-19")
def test_metrics_are_published_in_one_namespace_only():
    assert data(grants.put_metrics("RecipeChatbot/LLM")) == {
        "Sid": "PutMetrics",
        "Effect": "Allow",
        "Action": ["cloudwatch:PutMetricData"],
        "Resource": ["*"],
        "Condition": {"StringEquals": {"cloudwatch:namespace": "RecipeChatbot/LLM"}},
    }


@pytest.mark.row("RC-19")
@pytest.mark.parametrize("namespace", ["RecipeChatbot/*", "RecipeChatbot/LL?", ""])
def test_a_namespace_that_could_never_match_is_refused(namespace):
    with pytest.raises(TooBroadError, match="name one namespace in full"):
        grants.put_metrics(namespace)


@pytest.mark.row("RC-12")
def test_traces_are_sent_and_not_read():
    assert data(grants.send_traces())["Action"] == [
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]


@pytest.mark.parametrize("path", ["/facerec/KEY", "facerec/KEY"])
def test_a_parameter_has_one_slash_in_its_arn(path):
    assert grants.parameter_arn(path).to_dict() == {
        "Fn::Sub": "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/facerec/KEY"
    }


@pytest.mark.row("FR-10")
def test_objects_are_read_and_written_but_neither_listed_nor_configured():
    assert data(grants.read_write_objects(ARN))["Action"] == ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]


@pytest.mark.row("MP-13")
def test_objects_are_listed_below_a_prefix():
    assert data(grants.list_objects(ARN, prefix="uploads/"))["Condition"] == {"StringLike": {"s3:prefix": "uploads/*"}}
    assert "Condition" not in data(grants.list_objects(ARN))


@pytest.mark.row("MP-20")
def test_objects_are_read_in_a_version_and_written_without_being_read():
    assert data(grants.read_objects(ARN))["Action"] == ["s3:GetObject", "s3:GetObjectVersion"]
    assert data(grants.write_objects(ARN))["Action"] == ["s3:PutObject"]


@pytest.mark.row("MP-20")
def test_a_function_sends_traces_and_asks_nothing():
    assert data(grants.send_traces(sampling=False))["Action"] == ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


# Models


@pytest.mark.row("MP-13")
def test_a_model_is_called_in_the_stacks_region_and_a_profile_with_its_model_in_each_of_its_regions():
    made = data(grants.invoke_models(["amazon.nova-micro-v1:0"], ["us.anthropic.claude-haiku-4-5-20251001-v1:0"]))
    model = "foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0"
    bedrock = "arn:${AWS::Partition}:bedrock:"
    assert made["Action"] == ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"]
    assert [resource["Fn::Sub"] for resource in made["Resource"]] == [
        bedrock + "${AWS::Region}::foundation-model/amazon.nova-micro-v1:0",
        bedrock + "${AWS::Region}:${AWS::AccountId}:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
        f"{bedrock}us-east-1::{model}",
        f"{bedrock}us-east-2::{model}",
        f"{bedrock}us-west-2::{model}",
    ]


@pytest.mark.row("MP-13")
def test_a_profile_of_another_geography_names_its_regions():
    made = data(grants.invoke_models(profiles=["eu.amazon.nova-lite-v1:0"], regions=["eu-west-1", "eu-north-1"]))
    places = [resource["Fn::Sub"] for resource in made["Resource"]][1:]
    assert [place.split(":")[5:] for place in places] == [
        ["eu-west-1", "", "foundation-model/amazon.nova-lite-v1", "0"],
        ["eu-north-1", "", "foundation-model/amazon.nova-lite-v1", "0"],
    ]


@pytest.mark.row("MP-13")
@pytest.mark.parametrize("name", ["*", "anthropic.*", "anthropic.claude-?", "", "claude", "us.*", "a.b/../c"])
def test_a_model_that_is_not_named_in_full_is_refused(name):
    with pytest.raises(TooBroadError, match="is no id of a model or a profile; name one in full"):
        grants.invoke_models([name])


@pytest.mark.row("MP-13")
@pytest.mark.parametrize(
    ("profile", "regions"),
    [
        ("amazon.nova-lite-v1:0", ["us-east-1"]),
        ("global.amazon.nova-2-lite-v1:0", ["us-east-1"]),
        ("us.amazon.nova-lite-v1:0", ["*"]),
        ("us.amazon.nova-lite-v1:0", []),
    ],
)
def test_a_profile_without_a_geography_or_regions_is_refused(profile, regions):
    with pytest.raises(TooBroadError, match="name a profile of one geography, such as"):
        grants.invoke_models(profiles=[profile], regions=regions)


@pytest.mark.row("MP-13")
def test_no_model_at_all_is_refused():
    with pytest.raises(TooBroadError, match="InvokeModels: name the actions and the resources"):
        grants.invoke_models()


# Functions in a VPC


@pytest.mark.row("MP-20")
def test_lambda_places_a_function_in_a_vpc_and_its_code_cannot_use_that():
    manage, find, keep = (data(statement) for statement in grants.connect_function_to_vpc())
    assert (keep["Effect"], keep["Action"]) == ("Deny", [*manage["Action"], *find["Action"]])
    assert keep["Condition"] == {
        "ArnLike": {
            "lambda:SourceFunctionArn": {
                "Fn::Sub": "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:*"
            }
        }
    }


@pytest.mark.row("MP-20")
def test_lambda_has_every_permission_of_its_managed_policy_for_a_vpc_except_the_logs():
    manage, find, _ = (data(statement) for statement in grants.connect_function_to_vpc())
    # AWSLambdaVPCAccessExecutionRole, version 3 of 2024-01-05.
    assert sorted([*manage["Action"], *find["Action"]]) == [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]


# Queue policies


@pytest.mark.row("MP-20")
def test_one_rule_sends_to_a_queue_and_nobody_without_tls():
    rule = events.Rule("Uploads", EventPattern={"source": ["aws.s3"]})
    send, refuse = data(queue_policies.rule_sends(sqs.Queue("Dead"), rule))["Statement"]
    assert (send["Action"], send["Principal"]) == (["sqs:SendMessage"], {"Service": ["events.amazonaws.com"]})
    assert send["Resource"] == [{"Fn::GetAtt": ["Dead", "Arn"]}]
    assert send["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": ["Uploads", "Arn"]}}}
    assert (refuse["Effect"], refuse["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


# Bucket policies


BUCKET = s3_resources.Bucket("Data")


@pytest.mark.parametrize("policy", [bucket_policies.tls_only(BUCKET), bucket_policies.access_logs(BUCKET)])
def test_a_bucket_refuses_everything_that_does_not_come_over_tls(policy):
    made = data(policy)
    refusal = made["Statement"][-1]
    assert made["Version"] == "2012-10-17"
    assert (refusal["Effect"], refusal["Principal"], refusal["Action"]) == ("Deny", "*", ["s3:*"])
    assert refusal["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert refusal["Resource"] == [{"Fn::GetAtt": ["Data", "Arn"]}, {"Fn::Sub": "${Data.Arn}/*"}]


def test_access_logs_are_delivered_for_this_accounts_load_balancers_only():
    deliver = data(bucket_policies.access_logs(BUCKET))["Statement"][0]
    assert deliver["Action"] == ["s3:PutObject"]
    assert deliver["Resource"] == [{"Fn::Sub": "${Data.Arn}/AWSLogs/${AWS::AccountId}/*"}]
    assert deliver["Principal"] == {"Service": ["logdelivery.elasticloadbalancing.amazonaws.com"]}
