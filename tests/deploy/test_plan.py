"""What a deploy would do, read from a change set; and what it is not allowed to do to data."""

from __future__ import annotations

import pytest

from blueprints.deploy.change_sets import ChangeSet
from blueprints.deploy.plan import Change, StackPlan, holds_data, plan_stack
from blueprints.deploy.stacks import deletion_policies, parameter_defaults
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError
from tests.deploy.deployer_fixtures import NO_WAIT, queue, template
from tests.deploy.proxy import FAILURE, THROTTLE, Answer, Reset, Rewrite, error

TABLE = {
    "Type": "AWS::DynamoDB::Table",
    "Properties": {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    },
}


def table(name: str, **attributes):
    return {**TABLE, "Properties": {**TABLE["Properties"], "TableName": name}, **attributes}


def plan_of(project, name="app", clock=NO_WAIT, **parameters):
    manifest = project.manifest()
    return plan_stack(project.account.cli(), manifest.stack(name), manifest, parameters, clock=clock)


def test_a_new_stack_is_all_additions(project):
    stack = project.add("app", template({"Jobs": queue(), "Letters": queue()}))
    plan = plan_of(project)
    assert plan.change_set_type == "CREATE"
    assert [(change.action, change.logical_id) for change in plan.changes] == [("add", "Jobs"), ("add", "Letters")]
    assert project.account.change_sets(stack) == [plan.change_set_name]


def test_an_update_says_what_is_changed_replaced_and_removed_and_why(project):
    before = {"Jobs": queue(VisibilityTimeout=1), "Old": queue(), "Named": queue(QueueName=f"{project.name}-a")}
    after = {"Jobs": queue(VisibilityTimeout=2), "New": queue(), "Named": queue(QueueName=f"{project.name}-b")}
    project.add("app", template(after))
    project.exists("app", template(before))
    plan = plan_of(project)
    assert {change.logical_id: (change.action, change.properties) for change in plan.changes} == {
        "Jobs": ("modify", ("VisibilityTimeout",)),
        "New": ("add", ()),
        "Named": ("replace", ("QueueName",)),
        "Old": ("remove", ()),
    }
    assert plan.data_replacements == ()


def test_no_change_leaves_no_change_set(project):
    stack = project.add("app", template({"Jobs": queue()}))
    project.exists("app", template({"Jobs": queue()}))
    assert plan_of(project).is_empty
    assert project.account.client("cloudformation").list_change_sets(StackName=stack)["Summaries"] == []


def test_a_stack_in_review_is_created_not_updated(project):
    project.add("app", template({"Jobs": queue()}))
    first = plan_of(project)
    second = plan_of(project)
    assert (first.change_set_type, second.change_set_type) == ("CREATE", "CREATE")
    assert (first.change_set.makes_stack, second.change_set.makes_stack) == (True, False)


def test_values_not_given_stay_as_they_are(project):
    body = template(
        {"Jobs": queue(VisibilityTimeout={"Ref": "Seconds"}, DelaySeconds={"Ref": "Delay"})},
        {"Seconds": {"Type": "Number"}, "Delay": {"Type": "Number", "Default": 0}},
    )
    project.add("app", body)
    project.exists("app", body, Seconds="7", Delay="3")
    assert plan_of(project).is_empty
    assert not plan_of(project, Seconds="8").is_empty


def test_a_default_that_moved_reaches_a_stack_where_nobody_gave_another_value(project):
    def body(default):
        seconds = {"Seconds": {"Type": "Number", "Default": default}, "Delay": {"Type": "Number", "Default": default}}
        return template({"Jobs": queue(VisibilityTimeout={"Ref": "Seconds"}, DelaySeconds={"Ref": "Delay"})}, seconds)

    stack = project.add("app", body(2))
    project.exists("app", body(1), Delay="9")
    plan = plan_of(project)
    assert [change.properties for change in plan.changes] == [("VisibilityTimeout",)]
    asked = project.account.client("cloudformation").describe_change_set(
        StackName=stack, ChangeSetName=plan.change_set_name
    )
    values = {item["ParameterKey"]: item["ParameterValue"] for item in asked["Parameters"]}
    assert values == {"Seconds": "2", "Delay": "9"}


def test_replaced_and_removed_tables_are_data_unless_kept(project):
    before = {
        "Orders": table(f"{project.name}-1"),
        "Gone": table(f"{project.name}-2"),
        "Kept": table(f"{project.name}-3", DeletionPolicy="Retain"),
    }
    project.add("app", template({"Orders": table(f"{project.name}-4")}))
    project.exists("app", template(before))
    assert {(c.logical_id, c.action) for c in plan_of(project).data_replacements} == {
        ("Orders", "replace"),
        ("Gone", "remove"),
    }


@pytest.mark.parametrize(
    ("resource_type", "data"),
    [("AWS::RDS::DBCluster", True), ("AWS::RDS::DBInstance", True), ("AWS::RDS::DBSubnetGroup", False)],
)
def test_of_a_database_only_what_stores_holds_data(project, resource_type, data):
    project.add("app", template({"Jobs": queue()}))
    assert holds_data(project.manifest().stack("app"), "Any", resource_type) is data


def test_what_the_manifest_calls_retained_is_data_whatever_its_type(project):
    project.add("app", template({"Jobs": queue(QueueName=f"{project.name}-b")}), retained=["Jobs"])
    project.exists("app", template({"Jobs": queue(QueueName=f"{project.name}-a")}))
    assert [change.logical_id for change in plan_of(project).data_replacements] == ["Jobs"]


def test_without_a_word_of_cloudformation_the_deployed_template_says_what_a_removal_keeps(project, proxy):
    before = {"Gone": table(f"{project.name}-1"), "Kept": table(f"{project.name}-2", DeletionPolicy="Retain")}
    project.add("app", template({"Jobs": queue()}))
    project.exists("app", template(before))
    proxy.inject("DescribeChangeSet", Rewrite("PolicyAction>", "Unknown>"))
    assert [change.logical_id for change in plan_of(project).data_replacements] == ["Gone"]


YAML = """
Parameters: {Name: {Type: String, Default: a}}
Resources:
  Kept:
    Type: AWS::SQS::Queue
    DeletionPolicy: Retain
    Properties: {QueueName: !Sub "${AWS::StackName}-${Name}", Tags: [{Key: a, Value: !Select [0, !GetAZs ""]}]}
  Gone: {Type: AWS::SQS::Queue, Metadata: !Equals {a: b}}
"""


def test_a_deployed_template_is_read_whatever_short_forms_it_has(project, account):
    account.client("cloudformation").create_stack(StackName=project.name, TemplateBody=YAML)
    assert deletion_policies(account.cli(), project.name) == {"Kept": "Retain"}
    assert parameter_defaults(account.cli(), project.name) == {"Name": "a"}


def test_the_news_that_nothing_changes_may_come_as_an_error(project, proxy):
    stack = project.add("app", template({"Jobs": queue()}))
    project.exists("app", template({"Jobs": queue()}))
    proxy.inject("CreateChangeSet", error("ValidationError", "No updates are to be performed."))
    assert plan_of(project).is_empty
    assert project.account.change_sets(stack) == []


FAILED = """<DescribeChangeSetResponse><DescribeChangeSetResult><ChangeSetName>c</ChangeSetName>
<ChangeSetId>arn:aws:cloudformation:us-east-1:000000000000:changeSet/c/1</ChangeSetId><Status>FAILED</Status>
<StatusReason>Early validation failed</StatusReason><Changes/></DescribeChangeSetResult></DescribeChangeSetResponse>"""
EVENTS = """<DescribeEventsResponse><DescribeEventsResult><OperationEvents><member>
<LogicalResourceId>Jobs</LogicalResourceId><ValidationStatus>FAILED</ValidationStatus>
<ValidationPath>/Resources/Jobs/Properties/Delay</ValidationPath>
<ValidationStatusReason>Unsupported property</ValidationStatusReason></member></OperationEvents>
</DescribeEventsResult></DescribeEventsResponse>"""


def test_a_refused_change_set_says_why_and_leaves_nothing(project, proxy):
    stack = project.add("app", template({"Jobs": queue()}))
    proxy.inject("DescribeChangeSet", Answer(200, FAILED.encode()))
    proxy.inject("DescribeEvents", Answer(200, EVENTS.encode()))
    with pytest.raises(DeployError) as refused:
        plan_of(project)
    assert f"refuses the change set of stack {stack}: Early validation failed" in str(refused.value)
    assert "Jobs /Resources/Jobs/Properties/Delay: Unsupported property" in str(refused.value)
    assert project.account.stack(stack) is None


def test_waiting_survives_a_throttled_a_failed_and_a_broken_call(project, proxy):
    project.add("app", template({"Jobs": queue()}))
    proxy.inject("DescribeChangeSet", THROTTLE, FAILURE, Reset())
    assert len(plan_of(project).changes) == 1


PENDING = Answer(200, FAILED.replace("FAILED", "CREATE_IN_PROGRESS").encode())


def test_waiting_goes_on_until_the_change_set_is_ready_and_sleeps_in_between(project, proxy):
    project.add("app", template({"Jobs": queue()}))
    proxy.inject("DescribeChangeSet", PENDING, PENDING)
    slept: list[float] = []
    plan_of(project, clock=Clock(sleep=slept.append, interval=3))
    assert slept == [3, 3]


def test_waiting_has_an_end_and_leaves_nothing(project, proxy):
    stack = project.add("app", template({"Jobs": queue()}))
    proxy.inject("DescribeChangeSet", PENDING, times=9)
    hours = iter(range(0, 36000, 3600))
    with pytest.raises(DeployError, match=r"still waiting for the change set of .* after 120 minutes"):
        plan_of(project, clock=Clock(now=lambda: next(hours), sleep=lambda _: None, limit=7200))
    assert project.account.stack(stack) is None


RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"


@pytest.mark.parametrize(
    ("action", "reads", "touched"),
    [
        ("modify", ("Group",), False),
        ("replace", ("Group",), True),
        ("conditional-replace", ("Group",), True),
        ("modify", (), True),
        ("modify", ("Group", "Listener"), True),
    ],
)
def test_a_rule_that_only_reads_the_arn_of_what_is_kept_is_not_touched(project, action, reads, touched):
    project.add("app", template({"Jobs": queue()}))
    rule = Change("modify", "Rule", RULE, reads=reads)
    changes = (Change(action, "Group", "AWS::ElasticLoadBalancingV2::TargetGroup"), rule)
    change_set = ChangeSet("app", "c", "UPDATE", makes_stack=False)
    left = frozenset({"Rule"})
    plan = StackPlan(project.manifest().stack("app"), change_set, "arn", changes, left_to_ecs=left)
    assert plan.rules_of_ecs == ((rule,) if touched else ())


def test_a_rule_that_is_made_and_what_is_no_rule_are_never_touched(project):
    project.add("app", template({"Jobs": queue()}), owned_by_ecs=["Rule", "Jobs"])
    project.exists("app", template({"Jobs": queue(DelaySeconds=1)}))
    plan = plan_of(project)
    assert plan.left_to_ecs == {"Rule", "Jobs"}
    assert plan.rules_of_ecs == ()
    made = StackPlan(plan.entry, plan.change_set, "arn", (Change("add", "Rule", RULE),), left_to_ecs=plan.left_to_ecs)
    assert made.is_left_to_ecs(made.changes[0])
    assert made.rules_of_ecs == ()


def test_a_change_counts_by_its_action(project):
    project.add("app", template({"Jobs": queue()}))
    plan = plan_of(project)
    assert (plan.count("add"), plan.count("remove")) == (1, 0)
    assert plan.changes == (Change("add", "Jobs", "AWS::SQS::Queue"),)
