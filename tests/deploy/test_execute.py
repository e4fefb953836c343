"""A manifest into an account: what is deployed, what is refused, and what a second run finds."""

from __future__ import annotations

import io
import json

import pytest

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.errors import AccessDeniedError, EndpointUnreachableError, ExpiredTokenError
from blueprints.deploy.progress import PlainReporter
from blueprints.deploy.templates import template_argument
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError
from tests.deploy.deployer_fixtures import queue, template
from tests.deploy.proxy import EXPIRED, THROTTLE, Answer, Pass, Reset, denied

# MiniStack refuses a GetAtt that the type does not have, after the resources before it were made.
BROKEN = {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Fn::ImportValue": "no-such-export"}}}
DENY_REPLACE = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "Update:Replace", "Principal": "*", "Resource": "*"},
    ]
}


def attributes(account, url):
    return account.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def test_stacks_are_created_in_order_updated_and_then_left_alone(project):
    body = template(
        {"Jobs": queue(VisibilityTimeout={"Ref": "Seconds"})}, {"Seconds": {"Type": "Number"}}, Url={"Ref": "Jobs"}
    )
    project.add("data", template({"Letters": queue()}))
    stack = project.add("app", body)
    first = project.deploy(parameters={"Seconds": "7"})
    assert [(result.entry.name, result.outcome) for result in first.stacks] == [("data", "created"), ("app", "created")]
    url = first.stacks[1].outputs["Url"]
    assert attributes(project.account, url)["VisibilityTimeout"] == "7"
    assert project.account.stack(stack)["Tags"] == [{"Key": "Project", "Value": project.name}]

    again = project.deploy(parameters={"Seconds": "8"})
    assert [result.outcome for result in again.stacks] == ["unchanged", "updated"]
    assert attributes(project.account, url)["VisibilityTimeout"] == "8"

    third = project.deploy()
    assert [result.outcome for result in third.stacks] == ["unchanged", "unchanged"]
    assert third.stacks[1].outputs == {"Url": url}
    told = project.told.getvalue()
    assert f"[2/2] app: stack {stack} in us-east-1\n  would create it: 1 to add\n    + Jobs (AWS::SQS::Queue)\n" in told
    assert "  would update it: 1 to change\n    ~ Jobs (AWS::SQS::Queue): VisibilityTimeout\n" in told
    assert f"  {stack}: UPDATE_COMPLETE\n    Url = {url}\n" in told
    assert told.endswith(f"  {stack} is up to date\n")


def test_a_failed_create_names_the_first_resource_that_failed_and_rolls_back(project):
    stack = project.add("app", template({"Jobs": queue(), "Broken": {**BROKEN, "DependsOn": "Jobs"}}))
    with pytest.raises(DeployError) as error:
        project.deploy()
    lines = str(error.value).splitlines()
    assert lines[0] == f"Stack {stack} failed and is now in ROLLBACK_COMPLETE."
    assert lines[1] == "Root cause: Broken (AWS::DynamoDB::Table) CREATE_FAILED:"
    assert "no-such-export" in lines[2]
    assert "--replace-failed" in lines[-1]
    assert project.account.status(stack) == "ROLLBACK_COMPLETE"


def test_a_failed_update_goes_back_and_the_corrected_one_continues(project):
    before = template({"Jobs": queue(VisibilityTimeout=1)})
    stack = project.add("app", template({"Jobs": queue(VisibilityTimeout=2), "Broken": BROKEN}))
    project.exists("app", before)
    with pytest.raises(DeployError, match=r"UPDATE_ROLLBACK_COMPLETE(.|\n)*Broken(.|\n)*back where it was"):
        project.deploy()
    project.add("app", template({"Jobs": queue(VisibilityTimeout=2)}))
    assert project.deploy().stacks[0].outcome == "updated"
    assert project.account.status(stack) == "UPDATE_COMPLETE"


def test_no_to_a_new_stack_leaves_no_stack_and_stops(project):
    stack = project.add("app", template({"Jobs": queue()}))
    project.add("last", template({"Jobs": queue()}))
    result = project.deploy(answer=lambda _: False)
    assert result.declined is not None
    assert (result.stacks, result.declined.name) == ((), "app")
    assert project.account.stack(stack) is None
    assert project.told.getvalue().endswith(f"declined: {stack} was left as it is\n")


def test_no_to_an_update_leaves_the_stack_as_it_was(project):
    stack = project.add("app", template({"Jobs": queue(), "More": queue()}))
    project.exists("app", template({"Jobs": queue()}))
    project.deploy(answer=lambda _: False)
    assert project.account.status(stack) == "CREATE_COMPLETE"
    assert project.account.change_sets(stack) == []


def test_ctrl_c_at_the_question_leaves_no_stack(project):
    stack = project.add("app", template({"Jobs": queue()}))

    def interrupt(plan):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        project.deploy(answer=interrupt)
    assert project.account.stack(stack) is None


def test_a_stack_that_somebody_created_meanwhile_is_not_deleted(project):
    stack = project.add("app", template({"Jobs": queue()}))

    def meanwhile(plan):
        cloudformation = project.account.client("cloudformation")
        cloudformation.execute_change_set(StackName=stack, ChangeSetName=plan.change_set_name)
        return False

    project.deploy(answer=meanwhile)
    assert project.account.status(stack) == "CREATE_COMPLETE"


def test_ctrl_c_while_it_runs_lets_it_finish_and_a_second_run_continues(project):
    class Impatient(PlainReporter):
        def event(self, event):  # noqa: ARG002
            raise KeyboardInterrupt

    stack = project.add("app", template({"Jobs": queue()}))
    project.add("last", template({"Jobs": queue()}))
    with pytest.raises(KeyboardInterrupt):
        project.deploy(report=Impatient(project.told))
    assert f"interrupted: CloudFormation goes on with {stack}" in project.told.getvalue()
    assert [result.outcome for result in project.deploy().stacks] == ["unchanged", "created"]


EMPTY = Answer(
    200,
    b"<DescribeStackEventsResponse><DescribeStackEventsResult><StackEvents/></DescribeStackEventsResult></DescribeStackEventsResponse>",
)


def test_waiting_looks_again_and_survives_trouble_on_the_way(project, proxy):
    project.add("app", template({"Jobs": queue()}))
    # The first call asks for the newest event before the operation begins.
    proxy.inject("DescribeStackEvents", Pass(), EMPTY, THROTTLE, Reset())
    slept: list[float] = []
    assert project.deploy(clock=Clock(sleep=slept.append, interval=2)).stacks[0].outcome == "created"
    assert slept == [2, 2, 2]


def test_an_expired_token_half_way_is_no_harm_to_a_second_run(project, proxy):
    project.add("data", template({"Jobs": queue()}))
    stack = project.add("app", template({"Jobs": queue()}))
    proxy.inject("CreateChangeSet", Pass(), EXPIRED)
    with pytest.raises(ExpiredTokenError, match="run the same command again: it continues"):
        project.deploy()
    assert project.account.stack(stack) is None
    assert [result.outcome for result in project.deploy().stacks] == ["unchanged", "created"]


def test_a_denied_or_unreachable_first_call_touches_nothing(project, proxy):
    stack = project.add("app", template({"Jobs": queue()}))
    proxy.inject("DescribeStacks", denied("cloudformation:DescribeStacks"), Reset())
    with pytest.raises(AccessDeniedError, match="cloudformation:DescribeStacks"):
        project.deploy()
    with pytest.raises(EndpointUnreachableError):
        project.deploy()
    assert proxy.operations() == ["DescribeStacks", "DescribeStacks"]
    assert project.account.stack(stack) is None


def test_replacing_what_holds_data_is_refused_until_it_is_named(project):
    stack = project.add(
        "app", template({"Jobs": queue(QueueName=f"{project.name}-b")}), retained=["Jobs"], stack_policy=DENY_REPLACE
    )
    project.exists("app", template({"Jobs": queue(QueueName=f"{project.name}-a")}))
    with pytest.raises(DeployError) as error:
        project.deploy()
    assert str(error.value).startswith(f"Stack {stack} would lose data:\n  Jobs (AWS::SQS::Queue, http://localhost")
    assert "would be replaced by an empty one, because of QueueName" in str(error.value)
    assert str(error.value).endswith("allow it by name: --allow-replace Jobs")
    assert project.account.change_sets(stack) == []

    assert project.deploy(allow_replace=["Jobs"]).stacks[0].outcome == "updated"
    policy = project.account.client("cloudformation").get_stack_policy(StackName=stack)["StackPolicyBody"]
    assert json.loads(policy) == DENY_REPLACE


def test_a_policy_in_the_way_is_lifted_for_the_one_update_that_may_replace(project):
    stack = project.add(
        "app", template({"Jobs": queue(QueueName=f"{project.name}-b")}), retained=["Jobs"], stack_policy=DENY_REPLACE
    )
    project.exists("app", template({"Jobs": queue(QueueName=f"{project.name}-a")}))
    project.account.client("cloudformation").set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(DENY_REPLACE))
    project.deploy(allow_replace=["Jobs"])
    told = project.told.getvalue()
    assert told.index("lifted for this update, for Jobs") < told.index(f"stack policy of {stack} set")


def test_protection_and_policy_follow_the_manifest_even_when_the_template_does_not_change(project):
    body = template({"Jobs": queue()})
    stack = project.add("app", body, termination_protection=True, stack_policy=DENY_REPLACE)
    project.deploy()
    assert project.account.stack(stack)["EnableTerminationProtection"] is True
    assert f"termination protection of {stack} is on" in project.told.getvalue()

    project.add("app", body, termination_protection=False)
    project.deploy()
    assert project.account.stack(stack)["EnableTerminationProtection"] is False
    assert f"termination protection of {stack} is off" in project.told.getvalue()


def test_a_failed_stack_is_replaced_when_asked_to(project):
    stack = project.add("app", template({"Broken": BROKEN}))
    project.exists("app", template({"Broken": BROKEN}))
    assert project.account.status(stack) == "ROLLBACK_COMPLETE"
    project.add("app", template({"Jobs": queue()}))
    with pytest.raises(DeployError, match=r"is in ROLLBACK_COMPLETE(.|\n)*--replace-failed"):
        project.deploy()
    assert project.deploy(replace_failed=True).stacks[0].outcome == "created"
    assert f"{stack} is in ROLLBACK_COMPLETE: deleting it" in project.told.getvalue()


def test_only_the_stacks_named_are_deployed(project):
    data = project.add("data", template({"Jobs": queue()}))
    app = project.add("app", template({"Jobs": queue()}))
    project.deploy(only=["app"])
    assert project.account.stack(data) is None
    assert project.account.status(app) == "CREATE_COMPLETE"
    with pytest.raises(DeployError, match=r"has no stack 'ap': --only takes data, app"):
        project.deploy(only=["ap"])


def test_what_is_to_happen_before_a_stack_happens_then(project):
    project.add("app", template({"Jobs": queue()}), images=[])
    seen = []
    project.deploy(before_stack=lambda entry: seen.append((entry.name, project.account.status(entry.stack_name))))
    assert seen == [("app", None)]


def large(size):
    return {**template({"Jobs": queue()}, Url={"Ref": "Jobs"}), "Metadata": {"Why": "x" * size}}


def test_a_large_template_needs_a_bucket_and_goes_through_it(project):
    stack = project.add("app", large(52_000))
    with pytest.raises(DeployError, match=r"has 52,\d\d\d bytes; .* 51,200 without a bucket: .*--bucket NAME"):
        project.deploy()
    bucket = f"{project.name}-templates"
    project.account.client("s3").create_bucket(Bucket=bucket)
    assert project.deploy(bucket=bucket).stacks[0].outcome == "created"
    keys = [item["Key"] for item in project.account.client("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert len(keys) == 1
    assert keys[0].startswith(f"blueprints/{stack}/")


def test_a_template_goes_to_the_region_of_the_bucket(project, tmp_path):
    entry_name, folder = "app", tmp_path / "bin"
    folder.mkdir()
    script = folder / "aws"
    script.write_text('#!/bin/sh\necho \'{"LocationConstraint": "eu-west-1"}\'\n')
    script.chmod(0o700)
    stack = project.add(entry_name, large(52_000))
    cli = AwsCli("us-east-1", environment={"PATH": f"{folder}:/bin:/usr/bin"})
    argument = template_argument(cli, project.manifest().stack(entry_name), project.folder, "mine.example")
    assert argument["TemplateURL"].startswith(f"https://s3.eu-west-1.amazonaws.com/mine.example/blueprints/{stack}/")


def test_a_stack_with_more_events_than_a_page_tells_each_once(project):
    project.add("app", template({f"Jobs{number}": queue() for number in range(60)}))
    project.deploy()
    told = project.told.getvalue()
    assert told.count("CREATE_COMPLETE              Jobs") == 60
    assert told.count(" Jobs59 (AWS::SQS::Queue)\n") == 3  # planned, begun, complete


def test_a_failed_update_puts_a_lifted_policy_back(project):
    stack = project.add(
        "app",
        template({"Jobs": queue(QueueName=f"{project.name}-b"), "Broken": BROKEN}),
        retained=["Jobs"],
        stack_policy=DENY_REPLACE,
    )
    project.exists("app", template({"Jobs": queue(QueueName=f"{project.name}-a")}))
    cloudformation = project.account.client("cloudformation")
    cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(DENY_REPLACE))
    with pytest.raises(DeployError, match="UPDATE_ROLLBACK_COMPLETE"):
        project.deploy(allow_replace=["Jobs"])
    assert json.loads(cloudformation.get_stack_policy(StackName=stack)["StackPolicyBody"]) == DENY_REPLACE


def test_a_lifted_policy_is_put_back_when_the_update_cannot_even_begin(project, proxy):
    stack = project.add(
        "app", template({"Jobs": queue(QueueName=f"{project.name}-b")}), retained=["Jobs"], stack_policy=DENY_REPLACE
    )
    project.exists("app", template({"Jobs": queue(QueueName=f"{project.name}-a")}))
    cloudformation = project.account.client("cloudformation")
    cloudformation.set_stack_policy(StackName=stack, StackPolicyBody=json.dumps(DENY_REPLACE))
    proxy.inject("DescribeStackEvents", denied("cloudformation:DescribeStackEvents"))
    with pytest.raises(AccessDeniedError):
        project.deploy(allow_replace=["Jobs"])
    assert json.loads(cloudformation.get_stack_policy(StackName=stack)["StackPolicyBody"]) == DENY_REPLACE


def test_a_template_too_large_for_any_bucket_is_refused(project):
    project.add("app", large(1_100_000))
    with pytest.raises(DeployError, match=r"at most 1,048,576, also from a bucket: split the stack"):
        project.deploy(bucket="any")


def test_stacks_go_where_the_manifest_says(project):
    stack = project.add("edge", template({"Jobs": queue()}), region="eu-west-1")
    regions = []

    def factory(region):
        regions.append(region)
        return project.account.cli(region)

    result = project.deploy(factory=factory)
    assert set(regions) == {"eu-west-1"}
    assert result.stacks[0].entry.stack_name == stack
    assert project.account.stack(stack) is None  # which looks in us-east-1


def test_a_reporter_needs_no_terminal(project):
    out = io.StringIO()
    project.add("app", template({"Jobs": queue()}))
    project.deploy(report=PlainReporter(out))
    assert "CREATE_COMPLETE              Jobs (AWS::SQS::Queue)" in out.getvalue()


# Several Regions in one run

HOME, EDGE, AWAY = "us-west-2", "us-east-1", "us-east-2"


def output_of(stack, name, region):
    return {"Fn::GetStackOutput": {"StackName": stack, "OutputName": name, "Region": region}}


def parameter(value, **properties):
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value, **properties}}


def across(project, seconds=30):
    """A queue at home, one stack in each of two other Regions that reads it, and one at home that reads them."""
    path = f"/{project.name}/jobs"
    jobs, arn = queue(VisibilityTimeout=seconds), {"Fn::GetAtt": ["Jobs", "Arn"]}
    resources = {"Jobs": jobs, "Name": parameter({"Fn::GetAtt": ["Jobs", "QueueName"]}, Name=path)}
    data = project.add("data", template(resources, Arn=arn), region=HOME)
    for name, region in (("edge", EDGE), ("replica", AWAY)):
        project.add(
            name, template({"Copy": parameter(output_of(data, "Arn", HOME))}, Name={"Ref": "Copy"}), region=region
        )
    # What an earlier stack puts is read as a parameter's value when the change set is made.
    path_type = {"JobsPath": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}}
    read = {
        "Edge": parameter(output_of(f"{project.name}-edge", "Name", EDGE)),
        "Replica": parameter(output_of(f"{project.name}-replica", "Name", AWAY)),
        "Jobs": parameter({"Fn::Sub": "jobs: ${JobsPath}"}),
    }
    outputs = {name: {"Fn::GetAtt": [name, "Value"]} for name in read}
    project.add("platform", template(read, path_type, **outputs), region=HOME)


def region_of(project, stack):
    """Where a stack of this name is."""
    names = (HOME, EDGE, AWAY)
    listed = {name: project.account.cli(name).run("cloudformation", "describe-stacks")["Stacks"] for name in names}
    return [name for name, stacks in listed.items() if any(each["StackName"] == stack for each in stacks)]


def test_stacks_of_three_regions_are_deployed_and_read_each_other(project):
    across(project)
    first = project.deploy()
    assert [result.outcome for result in first.stacks] == ["created"] * 4
    assert {entry: region_of(project, f"{project.name}-{entry}") for entry in project.entries} == {
        "data": [HOME],
        "edge": [EDGE],
        "replica": [AWAY],
        "platform": [HOME],
    }
    outputs = first.stacks[3].outputs
    assert outputs["Edge"] == first.stacks[1].outputs["Name"]
    assert outputs["Replica"] == first.stacks[2].outputs["Name"]
    assert outputs["Jobs"] == f"jobs: {first.stacks[0].outputs['Arn'].rpartition(':')[2]}"

    across(project, seconds=60)
    assert [result.outcome for result in project.deploy().stacks] == ["updated", "unchanged", "unchanged", "unchanged"]
    assert [result.outcome for result in project.deploy(only=["replica"]).stacks] == ["unchanged"]


def test_a_path_that_no_stack_has_put_fails_the_change_set_and_leaves_nothing(project):
    across(project)
    with pytest.raises(DeployError, match=r"(?i)parameter"):
        project.deploy(only=["platform"])
    assert region_of(project, f"{project.name}-platform") == []


def test_a_new_value_behind_a_path_updates_the_stack_that_reads_it(project):
    path = f"/{project.name}/color"
    project.add("data", template({"Color": parameter("blue", Name=path)}), region=HOME)
    typed = {"Color": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": path}}
    reader = template({"Shown": parameter({"Ref": "Color"})}, typed, Shown={"Fn::GetAtt": ["Shown", "Value"]})
    project.add("app", reader, region=HOME)
    assert project.deploy().stacks[1].outputs == {"Shown": "blue"}
    project.add("data", template({"Color": parameter("red", Name=path)}), region=HOME)
    project.add("app", reader, region=HOME)
    result = project.deploy()
    assert [each.outcome for each in result.stacks] == ["updated", "updated"]
    assert result.stacks[1].outputs == {"Shown": "red"}


def test_an_image_is_looked_for_in_the_region_of_its_stack(project):
    repository = f"{project.name}-api"
    body = template({"Jobs": queue()}, {"ImageTag": {"Type": "String", "Default": "v1"}})
    project.account.client("ecr").create_repository(repositoryName=repository)
    image = {"repository": repository, "parameter": "ImageTag"}
    project.add("app", body, region=AWAY, images=[image])
    with pytest.raises(DeployError, match=f"there is no ECR repository {repository} in {AWAY}"):
        project.deploy()
