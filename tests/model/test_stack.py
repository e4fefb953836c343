from __future__ import annotations

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from troposphere import (
    GetAZs,
    If,
    Parameter,
    Ref,
    Tags,
    cognito,
    ec2,
    ecs,
    events,
    guardduty,
    iam,
    logs,
    rds,
    route53,
    s3,
    servicediscovery,
    sns,
    sqs,
    ssm,
)
from troposphere.elasticloadbalancingv2 import Action, Condition, Listener, ListenerRule, ListenerRuleAction

from blueprints.model.component import Component
from blueprints.model.context import KEY
from blueprints.model.errors import TemplateError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack


def stack(name="service", *, shared=False, region=None, **settings):
    chosen = Settings(**{"project": "sample", **settings})
    return Stack(name, chosen, description="For tests", arch="Alone", shared=shared, region=region)


class Pair(Component):
    def __init__(self, name: str) -> None:
        self.dead_letters = sqs.Queue(f"{name}DeadLetters")
        self.queue = sqs.Queue(f"{name}Queue")


def tags_of(resource):
    return {tag["Key"]: tag["Value"] for tag in resource.to_dict()["Properties"]["Tags"]}


# Adding


def test_add_hands_back_what_it_was_given():
    one = stack()
    queue, pair, size = sqs.Queue("Jobs"), Pair("Mail"), Parameter("Size", Type="Number")
    several = [sqs.Queue("First"), sqs.Queue("Second")]
    assert one.add(queue) is queue
    assert one.add(pair) is pair
    assert one.add(size) is size
    assert one.add(several) is several
    assert list(one.resources) == ["Jobs", "MailDeadLetters", "MailQueue", "First", "Second"]
    assert list(one.parameters) == ["Size"]


def test_a_mapping_is_added_by_its_values():
    one = stack()
    one.add({"any": sqs.Queue("Jobs")})
    assert list(one.resources) == ["Jobs"]


def test_the_same_thing_may_be_added_twice():
    one, pair = stack(), Pair("Mail")
    one.add(pair)
    one.add(pair.queue)
    assert list(one.resources) == ["MailDeadLetters", "MailQueue"]
    assert len(pair.queue.to_dict()["Properties"]["Tags"]) == 2


def test_two_resources_of_one_name_are_refused_with_a_way_out():
    one = stack()
    one.add(sqs.Queue("Jobs"))
    with pytest.raises(TemplateError, match="service: two things are called Jobs; give one of them another name"):
        one.add(sqs.Queue("Jobs"))


def test_a_parameter_and_a_resource_share_one_set_of_names():
    one = stack()
    one.add(sqs.Queue("Jobs"))
    with pytest.raises(TemplateError, match="two things are called Jobs"):
        one.add(Parameter("Jobs", Type="String"))


@pytest.mark.row("XX-08")
def test_more_resources_than_cloudformation_takes_are_refused():
    one = stack()
    one.add([sqs.Queue(f"Queue{number}") for number in range(500)])
    with pytest.raises(TemplateError, match="Last is one more than the 500 that CloudFormation takes; split the stack"):
        one.add(sqs.Queue("Last"))


@pytest.mark.row("XX-08")
def test_more_parameters_than_cloudformation_takes_are_refused():
    one = stack()
    one.add([Parameter(f"Size{number}", Type="Number") for number in range(200)])
    with pytest.raises(TemplateError, match="Last is one more than the 200"):
        one.add(Parameter("Last", Type="Number"))


@pytest.mark.row("XX-08")
def test_more_outputs_than_there_can_be_are_refused():
    one = stack()
    for number in range(200):
        one.output(f"Value{number}", "x", "A value")
    with pytest.raises(TemplateError, match="output Last is one more than the 200"):
        one.output("Last", "x", "A value")


def test_two_outputs_of_one_name_are_refused():
    one = stack()
    one.output("Url", "x", "A value")
    with pytest.raises(TemplateError, match="service: two outputs are called Url"):
        one.output("Url", "y", "Another value")


def test_an_output_has_a_description():
    one = stack()
    one.output("Url", Ref("AWS::Region"), "Where it answers")
    assert one.to_dict()["Outputs"]["Url"] == {"Value": {"Ref": "AWS::Region"}, "Description": "Where it answers"}


@pytest.mark.row("XX-14")
def test_a_stack_says_how_it_works_and_what_must_stay_true():
    settings = Settings(project="sample")
    told = Stack("service", settings, description="For tests", arch="A -> B", must=["B stays private"])
    assert told.to_dict()["Metadata"] == {KEY: {"arch": "A -> B", "must": ["B stays private"]}}
    assert stack().to_dict()["Metadata"] == {KEY: {"arch": "Alone"}}


# Tags


def test_a_list_of_tags_gets_the_stamps_behind_its_own():
    vpc = stack(owner="Food").add(ec2.VPC("Main", CidrBlock="10.0.0.0/16", Tags=Tags(Name="main")))
    assert list(tags_of(vpc).items()) == [
        ("Name", "main"),
        ("Project", "sample"),
        ("Environment", "dev"),
        ("Owner", "Food"),
    ]


def test_a_tag_of_its_own_wins_over_a_stamp_in_every_shape():
    one = stack()
    vpc = one.add(ec2.VPC("Main", CidrBlock="10.0.0.0/16", Tags=Tags(Project="other")))
    parameter = one.add(ssm.Parameter("Value", Type="String", Value="x", Tags={"Project": "other"}))
    assert tags_of(vpc) == {"Project": "other", "Environment": "dev"}
    assert parameter.to_dict()["Properties"]["Tags"] == {"Project": "other", "Environment": "dev"}


def test_tags_in_a_mapping_are_stamped():
    pool = stack().add(cognito.UserPool("People"))
    assert pool.to_dict()["Properties"]["UserPoolTags"] == {"Project": "sample", "Environment": "dev"}


def test_tags_written_as_a_plain_list_are_stamped():
    topic = stack().add(sns.Topic("Alerts", Tags=Tags(Name="alerts")))
    assert tags_of(topic) == {"Name": "alerts", "Project": "sample", "Environment": "dev"}


def test_a_tag_behind_a_condition_stays():
    condition = If("Big", {"Key": "Size", "Value": "big"}, Ref("AWS::NoValue"))
    topic = stack().add(sns.Topic("Alerts", Tags=Tags(condition)))
    assert topic.to_dict()["Properties"]["Tags"][0] == condition.to_dict()
    assert len(topic.to_dict()["Properties"]["Tags"]) == 3


def test_tags_shared_by_two_resources_are_not_mixed():
    shared = Tags(Name="both")
    one = stack()
    first, second = one.add([sns.Topic("First", Tags=shared), sns.Topic("Second", Tags=shared)])
    assert tags_of(first) == tags_of(second) == {"Name": "both", "Project": "sample", "Environment": "dev"}
    assert shared.to_dict() == [{"Key": "Name", "Value": "both"}]


STAMPS = {"Project": "sample", "Environment": "dev"}
TAGGED = [
    (route53.HealthCheck("Any", HealthCheckConfig=route53.HealthCheckConfig(Type="HTTPS")), "HealthCheckTags"),
    (servicediscovery.HttpNamespace("Any", Name="sample"), "Tags"),
    (ssm.Parameter("Any", Type="String", Value="x"), "Tags"),
    (logs.DeliverySource("Any", Name="sample"), "Tags"),
    (logs.Delivery("Any", DeliverySourceName="sample", DeliveryDestinationArn="arn"), "Tags"),
    (logs.DeliveryDestination("Any", Name="sample"), "Tags"),
    (events.Rule("Any", ScheduleExpression="rate(1 day)"), "Tags"),
    (guardduty.Detector("Any", Enable=True), "Tags"),
]


@pytest.mark.parametrize(("resource", "name"), TAGGED, ids=lambda value: getattr(value, "resource_type", ""))
def test_tags_have_the_name_and_the_shape_that_the_type_asks_for(resource, name):
    tags = stack().add(resource).to_dict()["Properties"][name]
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource.resource_type).schema
    in_a_mapping = schema["properties"][name]["type"] == "object"
    assert tags == (STAMPS if in_a_mapping else [{"Key": key, "Value": value} for key, value in STAMPS.items()])


def test_a_tag_of_a_class_of_its_own_wins_over_a_stamp_too():
    own = guardduty.TagItem(Key="Project", Value="other")
    detector = stack().add(guardduty.Detector("Any", Enable=True, Tags=[own]))
    assert tags_of(detector) == {"Project": "other", "Environment": "dev"}
    assert len(detector.to_dict()["Properties"]["Tags"]) == 2


def test_what_takes_no_tags_gets_none():
    route = stack().add(ec2.Route("Out", RouteTableId="rtb-1", DestinationCidrBlock="0.0.0.0/0", GatewayId="igw-1"))
    assert "Tags" not in route.to_dict()["Properties"]


def test_further_tags_belong_to_the_stack_which_hands_them_on():
    one = stack(tags={"Team": "food", "App": "api"})
    assert list(one.tags.items()) == [("Project", "sample"), ("Environment", "dev"), ("App", "api"), ("Team", "food")]


# Retention


@pytest.mark.row("XX-05")
@pytest.mark.parametrize(
    ("resource", "deletion", "replacement"),
    [
        (s3.Bucket("Data"), "RetainExceptOnCreate", "Retain"),
        (logs.LogGroup("Data"), "RetainExceptOnCreate", "Retain"),
        (cognito.UserPool("Data"), "RetainExceptOnCreate", "Retain"),
        (rds.DBCluster("Data", Engine="aurora-postgresql"), "Snapshot", "Snapshot"),
    ],
    ids=lambda value: getattr(value, "resource_type", value),
)
def test_what_holds_data_outlives_its_stack_where_data_is_kept(resource, deletion, replacement):
    made = stack(keep_data=True).add(resource).to_dict()
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == (deletion, replacement)


def test_nothing_stays_behind_in_development():
    made = stack().add(s3.Bucket("Data")).to_dict()
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_a_replacement_is_never_told_to_retain_except_on_create():
    # CloudFormation knows RetainExceptOnCreate as a DeletionPolicy only.
    for keep in (False, True):
        made = stack(keep_data=keep).add(s3.Bucket("Data")).to_dict()
        assert made["UpdateReplacePolicy"] in {"Retain", "Delete"}


def test_a_deletion_policy_of_its_own_wins():
    made = stack(keep_data=True).add(s3.Bucket("Scratch", DeletionPolicy="Delete")).to_dict()
    assert (made["DeletionPolicy"], made["UpdateReplacePolicy"]) == ("Delete", "Retain")


def test_what_holds_no_data_has_no_deletion_policy():
    assert "DeletionPolicy" not in stack(keep_data=True).add(sns.Topic("Alerts")).to_dict()


@pytest.mark.row("XX-05")
def test_kept_data_can_be_neither_replaced_nor_deleted_by_an_update():
    one = stack(keep_data=True)
    one.add([s3.Bucket("Faces"), sns.Topic("Alerts"), logs.LogGroup("Log")])
    assert one.retained == ["Faces", "Log"]
    allow, deny = one.stack_policy["Statement"]
    assert (allow["Effect"], allow["Action"], allow["Resource"]) == ("Allow", "Update:*", "*")
    assert (deny["Effect"], deny["Action"]) == ("Deny", ["Update:Replace", "Update:Delete"])
    assert deny["Resource"] == ["LogicalResourceId/Faces", "LogicalResourceId/Log"]


def test_no_stack_policy_where_nothing_has_to_be_kept():
    development, empty = stack(), stack(keep_data=True)
    development.add(s3.Bucket("Faces"))
    empty.add(sns.Topic("Alerts"))
    assert development.stack_policy is None
    assert development.retained == ["Faces"]
    assert empty.stack_policy is None


@pytest.mark.row("XX-05")
def test_a_stack_with_kept_data_refuses_to_be_deleted():
    assert stack(keep_data=True).termination_protection is True
    assert stack().termination_protection is False


def test_what_environments_share_is_named_tagged_and_kept_for_all_of_them():
    shared = stack("registry", shared=True, environment="dev")
    made = shared.add(s3.Bucket("Images")).to_dict()
    assert shared.stack_name == "sample-registry"
    assert shared.tags["Environment"] == "shared"
    assert {"Key": "Environment", "Value": "shared"} in made["Properties"]["Tags"]
    assert made["DeletionPolicy"] == "RetainExceptOnCreate"
    assert shared.termination_protection is True


# What ECS rewrites


def listener_rule(name):
    forward = [ListenerRuleAction(Type="forward", TargetGroupArn="arn")]
    return ListenerRule(
        name, ListenerArn="arn", Priority=1, Conditions=[Condition(Field="path-pattern")], Actions=forward
    )


ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}


def left_to_ecs(**settings):
    made = stack(**settings)
    rules = made.add([listener_rule("ProductionRule"), listener_rule("TestRule"), listener_rule("AdminRule")])
    for rule in (*rules[:2], rules[0]):
        made.leave_to_ecs(rule)
    return made


@pytest.mark.row("RC-18")
def test_a_rule_that_ecs_rewrites_cannot_be_touched_by_an_update_whether_or_not_data_is_kept():
    for keep in (False, True):
        made = left_to_ecs(keep_data=keep)
        assert made.owned_by_ecs == ["ProductionRule", "TestRule"]
        assert made.stack_policy == {
            "Statement": [
                ALLOW_ALL,
                {
                    "Effect": "Deny",
                    "Action": "Update:*",
                    "Principal": "*",
                    "Resource": ["LogicalResourceId/ProductionRule", "LogicalResourceId/TestRule"],
                },
            ]
        }


def test_rules_left_to_ecs_are_denied_beside_kept_data_and_are_no_data():
    made = left_to_ecs(keep_data=True)
    made.add(s3.Bucket("Faces"))
    allow, data, rules = made.stack_policy["Statement"]
    assert allow == ALLOW_ALL
    assert (data["Action"], data["Resource"]) == (["Update:Replace", "Update:Delete"], ["LogicalResourceId/Faces"])
    assert (rules["Action"], len(rules["Resource"])) == ("Update:*", 2)
    assert made.retained == ["Faces"]


def test_only_a_listener_rule_can_be_left_to_ecs():
    made = stack()
    listener = made.add(Listener("Http", LoadBalancerArn="arn", DefaultActions=[Action(Type="forward")]))
    with pytest.raises(
        TemplateError, match=r"service: Http is of type AWS::.*::Listener; ECS rewrites .*::ListenerRule"
    ):
        made.leave_to_ecs(listener)


def test_a_rule_of_another_stack_cannot_be_left_to_ecs():
    with pytest.raises(TemplateError, match="service: ProductionRule is not in this stack; add it here before"):
        stack().leave_to_ecs(listener_rule("ProductionRule"))


# Changing what is there


def test_a_property_can_be_overridden_by_logical_id():
    one = stack()
    one.add(sqs.Queue("Jobs", VisibilityTimeout=30))
    one.override("Jobs", VisibilityTimeout=60, DeletionPolicy="Retain")
    made = one.to_dict()["Resources"]["Jobs"]
    assert made["Properties"]["VisibilityTimeout"] == 60
    assert made["DeletionPolicy"] == "Retain"


def test_overriding_what_is_not_there_names_what_was_meant():
    one = stack()
    one.add(sqs.Queue("Jobs"))
    with pytest.raises(TemplateError, match="service: no resource Job; there are Jobs"):
        one.override("Job", VisibilityTimeout=60)


def test_overriding_an_unknown_property_names_what_was_meant():
    one = stack()
    one.add(sqs.Queue("Jobs"))
    with pytest.raises(
        TemplateError, match="AWS::SQS::Queue has no property VisibilityTimeOut; there are VisibilityTim"
    ):
        one.override("Jobs", VisibilityTimeOut=60)


@pytest.mark.parametrize("name", ["title", "properties", "resource", "_anything"])
def test_what_is_no_property_of_cloudformation_cannot_be_overridden(name):
    one = stack()
    one.add(sqs.Queue("Jobs", VisibilityTimeout=30))
    before = one.to_dict()
    with pytest.raises(TemplateError, match=f"has no property {name}"):
        one.override("Jobs", **{name: {}})
    assert one.to_dict() == before


def test_overriding_with_a_value_of_the_wrong_type_is_refused():
    one = stack()
    one.add(ec2.VPC("Main", CidrBlock="10.0.0.0/16"))
    with pytest.raises(TemplateError, match=r"Main.CidrBlock: 5 is not allowed: .* expected <class 'str'>"):
        one.override("Main", CidrBlock=5)


# Between stacks


def producer(**settings):
    made = stack("data", **settings)
    made.output("BucketName", "x", "The bucket")
    made.output("TableName", "y", "The table")
    return made


def test_another_stacks_output_is_read_by_a_name_that_can_be_changed_at_deploy_time():
    reader = stack()
    values = [reader.from_stack(producer(), name).to_dict() for name in ("BucketName", "TableName")]
    assert values == [
        {"Fn::GetStackOutput": {"StackName": {"Ref": "DataStackName"}, "OutputName": name}}
        for name in ("BucketName", "TableName")
    ]
    assert list(reader.parameters) == ["DataStackName"]
    assert reader.parameters["DataStackName"].Default == "sample-dev-data"


def test_an_output_that_the_other_stack_does_not_have_is_refused():
    with pytest.raises(TemplateError, match="stack data has no output Bucket; its outputs: BucketName, TableName"):
        stack().from_stack(producer(), "Bucket")
    with pytest.raises(TemplateError, match="its outputs: none"):
        stack().from_stack(stack("data"), "Bucket")


def test_the_region_is_named_where_the_other_stack_is_elsewhere():
    value = stack("edge", region="us-east-1", environment="prod").from_stack(producer(region="eu-west-1"), "BucketName")
    assert value.to_dict()["Fn::GetStackOutput"]["Region"] == "eu-west-1"


def test_the_region_is_left_out_where_both_are_in_one():
    assert "Region" not in stack().from_stack(producer(), "BucketName").to_dict()["Fn::GetStackOutput"]


def test_an_output_of_another_stack_cannot_be_handed_on():
    reader = stack()
    value = reader.from_stack(producer(), "BucketName")
    with pytest.raises(TemplateError, match="output Bucket cannot hand on another stack's output"):
        reader.output("Bucket", value, "The bucket")


# What has to be acknowledged


def role(**properties):
    trust = {"Statement": []}
    return iam.Role("Role", AssumeRolePolicyDocument=trust, **properties)


@pytest.mark.parametrize(
    ("resource", "capabilities"),
    [
        (ecs.Cluster("Cluster"), []),
        (role(), ["CAPABILITY_IAM"]),
        (role(Policies=[iam.Policy(PolicyName="Inline", PolicyDocument={})]), ["CAPABILITY_IAM"]),
        (iam.PolicyType("Policy", PolicyName="p", PolicyDocument={}, Roles=["r"]), ["CAPABILITY_IAM"]),
        (role(RoleName="named"), ["CAPABILITY_NAMED_IAM"]),
        (iam.ManagedPolicy("Policy", ManagedPolicyName="p", PolicyDocument={}), ["CAPABILITY_NAMED_IAM"]),
    ],
)
def test_only_iam_resources_have_to_be_acknowledged_and_names_of_ones_own_more(resource, capabilities):
    one = stack()
    one.add([ec2.Subnet("Subnet", VpcId="v", CidrBlock="10.0.0.0/24", AvailabilityZone=GetAZs("")), resource])
    assert one.capabilities == capabilities
