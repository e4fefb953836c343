"""Rules that ECS rewrites: an update must not move live traffic back to an idle target group."""

from __future__ import annotations

import json

import pytest

from blueprints.deploy import traffic
from blueprints.deploy.aws import AwsCli
from blueprints.deploy.change_sets import ChangeSet
from blueprints.deploy.delete import delete
from blueprints.deploy.plan import Change, StackPlan
from blueprints.deploy.progress import PlainReporter
from blueprints.model.errors import DeployError
from blueprints.render.manifest import StackEntry
from tests.deploy.deployer_fixtures import NO_WAIT, template
from tests.deploy.proxy import denied

RULE_TYPE = "AWS::ElasticLoadBalancingV2::ListenerRule"
ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
POLICY = {
    "Statement": [
        ALLOW_ALL,
        {"Effect": "Deny", "Action": "Update:*", "Principal": "*", "Resource": ["LogicalResourceId/Production"]},
    ]
}
LEFT = {"owned_by_ecs": ["Production"], "stack_policy": POLICY}
BLUE, GREEN = {"Ref": "Blue"}, {"Fn::GetAtt": ["Green", "TargetGroupArn"]}


def group(**properties):
    return {
        "Type": "AWS::ElasticLoadBalancingV2::TargetGroup",
        "Properties": {"Port": 8000, "Protocol": "HTTP", "VpcId": {"Ref": "Vpc"}, "TargetType": "ip", **properties},
    }


def forward(**weights):
    arns = {"blue": BLUE, "green": GREEN}
    groups = [{"TargetGroupArn": arns[name], "Weight": weight} for name, weight in weights.items()]
    return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]


def rule(path="/*", actions=None, **attributes):
    return {
        "Type": RULE_TYPE,
        "Properties": {
            "ListenerArn": {"Ref": "Listener"},
            "Priority": 1,
            "Conditions": [{"Field": "path-pattern", "PathPatternConfig": {"Values": [path]}}],
            "Actions": actions or forward(blue=100, green=0),
        },
        **attributes,
    }


def platform(parameters=None, **resources):
    refused = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    held = {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        "Subnet": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.0.0.0/24"},
        },
        "Balancer": {
            "Type": "AWS::ElasticLoadBalancingV2::LoadBalancer",
            "Properties": {"Subnets": [{"Ref": "Subnet"}]},
        },
        "Listener": {
            "Type": "AWS::ElasticLoadBalancingV2::Listener",
            "Properties": {
                "LoadBalancerArn": {"Ref": "Balancer"},
                "Port": 80,
                "Protocol": "HTTP",
                "DefaultActions": [refused],
            },
        },
        "Blue": group(),
        "Green": group(),
        "Production": rule(),
        **resources,
    }
    return template({name: body for name, body in held.items() if body}, parameters)


class Platform:
    """A stack that is deployed, and whose rule ECS rewrites from then on."""

    def __init__(self, project, body, **entry):
        self.project, self.entry = project, entry
        self.stack = project.add("platform", body, **entry)
        project.deploy()
        listed = project.account.client("cloudformation").list_stack_resources(StackName=self.stack)
        self.ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in listed["StackResourceSummaries"]}

    def shift(self, **weights):
        """What ECS does with each deployment."""
        groups = [{"TargetGroupArn": self.ids[name], "Weight": weight} for name, weight in weights.items()]
        actions = [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]
        request = ("--rule-arn", self.ids["Production"], "--actions", json.dumps(actions))
        self.project.account.cli().run("elbv2", "modify-rule", *request)

    def rule(self):
        (found,) = self.project.account.client("elbv2").describe_rules(RuleArns=[self.ids["Production"]])["Rules"]
        return found

    def weights(self):
        names = {physical: logical for logical, physical in self.ids.items()}
        groups = self.rule()["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {names[each["TargetGroupArn"]]: each["Weight"] for each in groups}

    def paths(self):
        return self.rule()["Conditions"][0]["Values"]

    def policy(self):
        answer = self.project.account.client("cloudformation").get_stack_policy(StackName=self.stack)
        return json.loads(answer["StackPolicyBody"])

    def update(self, body, *, entry=None, **options):
        self.project.add("platform", body, **(self.entry if entry is None else entry))
        return self.project.deploy(**options).stacks[0].outcome

    def refusal(self, body, *, entry=None, **options):
        """Why an update is refused, which leaves the stack as it was."""
        before = (self.rule(), self.policy(), self.project.account.stack(self.stack))
        with pytest.raises(DeployError) as refused:
            self.update(body, entry=entry, **options)
        assert (self.rule(), self.policy(), self.project.account.stack(self.stack)) == before
        assert self.project.account.change_sets(self.stack) == []
        return str(refused.value).splitlines()

    @property
    def told(self):
        return self.project.told.getvalue()


@pytest.fixture
def live(project):
    return Platform(project, platform(), **LEFT)


@pytest.fixture
def shifted(live):
    """After one deployment of ECS."""
    live.shift(Blue=0, Green=100)
    return live


# What is refused, and what is not


@pytest.mark.row("RC-18")
def test_a_change_of_a_rule_that_would_move_live_traffic_is_refused(shifted):
    first, rule_line, now, then, ways = shifted.refusal(platform(Production=rule("/api/*")))
    assert first == f"Stack {shifted.stack} would move live traffic away from where ECS has sent it:"
    assert rule_line == f"  Production ({shifted.ids['Production']}) would be changed, because of Conditions"
    assert now == "    live weights: Blue 0, Green 100"
    assert then == "    after the update: Blue 100, Green 0"
    assert ways == (
        "Nothing was changed. Take back what touches the rule; or deploy the service once more, so that the live "
        "target group is the template's again, and then this; or let the traffic move: "
        "--allow-traffic-shift Production"
    )
    assert shifted.weights() == {"Blue": 0, "Green": 100}


@pytest.mark.row("RC-18")
def test_with_the_weights_of_the_template_the_rule_may_be_changed(live):
    live.shift(Blue=1, Green=0)
    assert live.update(platform(Production=rule("/api/*"))) == "updated"
    assert (live.paths(), live.weights()) == (["/api/*"], {"Blue": 100, "Green": 0})
    assert "no traffic moves at Production: live are Blue 1, Green 0, and the update sets the same" in live.told
    assert live.policy() == POLICY


@pytest.mark.row("RC-18")
def test_traffic_moves_where_it_is_allowed_by_name_and_the_policy_is_lifted_for_just_that_update(shifted):
    body = platform(Production=rule("/api/*"))
    assert shifted.refusal(body, allow_traffic_shift=["Other"])
    assert shifted.update(body, allow_traffic_shift=["Production"]) == "updated"
    assert (shifted.paths(), shifted.weights()) == (["/api/*"], {"Blue": 100, "Green": 0})
    assert "live traffic moves at Production: from Blue 0, Green 100 to Blue 100, Green 0" in shifted.told
    lifted = shifted.told.index("lifted for this update, for Production")
    assert lifted < shifted.told.rindex(f"stack policy of {shifted.stack} set")
    assert shifted.policy() == POLICY


@pytest.mark.row("RC-18")
def test_an_update_elsewhere_leaves_the_weights_alone_and_asks_for_none(shifted, proxy):
    proxy.clear()
    assert shifted.update(platform(Green=group(HealthCheckPath="/health"))) == "updated"
    assert shifted.weights() == {"Blue": 0, "Green": 100}
    assert "DescribeRules" not in proxy.operations()
    assert "lifted" not in shifted.told


def test_a_target_group_that_changes_as_well_hides_no_change_of_the_rule(shifted):
    lines = shifted.refusal(platform(Green=group(HealthCheckPath="/health"), Production=rule("/api/*")))
    assert lines[2:4] == ["    live weights: Blue 0, Green 100", "    after the update: Blue 100, Green 0"]


def test_making_a_rule_asks_for_no_weights_and_marks_it(live, proxy):
    assert f"+ Production ({RULE_TYPE}) (weights owned by ECS)\n" in live.told
    assert "DescribeRules" not in proxy.operations()


def test_the_policy_alone_stops_an_update_by_hand(shifted):
    cloudformation = shifted.project.account.client("cloudformation")
    body = json.dumps(platform(Production=rule("/api/*")))
    cloudformation.update_stack(StackName=shifted.stack, TemplateBody=body)
    assert shifted.project.account.status(shifted.stack) == "UPDATE_ROLLBACK_COMPLETE"
    assert (shifted.paths(), shifted.weights()) == (["/*"], {"Blue": 0, "Green": 100})


def test_traffic_that_moves_while_the_question_stands_is_seen(live):
    def shift(_plan):
        live.shift(Blue=0, Green=100)
        return True

    live.project.add("platform", platform(Production=rule("/api/*")), **LEFT)
    with pytest.raises(DeployError, match="live weights: Blue 0, Green 100"):
        live.project.deploy(answer=shift)
    assert (live.paths(), live.weights()) == (["/*"], {"Blue": 0, "Green": 100})
    assert live.project.account.change_sets(live.stack) == []


def test_a_deployment_under_way_is_waited_for(live):
    live.shift(Blue=90, Green=10)
    lines = live.refusal(platform(Production=rule("/api/*")))
    assert lines[2] == "    live weights: Blue 90, Green 10 (a deployment seems to be under way: wait for its end)"


# Other ways to lose a rule's weights


def test_a_rule_that_the_template_and_the_manifest_have_lost_is_refused_by_the_policy_in_place(live):
    _, rule_line, now, then, ways = live.refusal(platform(Production=None), entry={})
    assert rule_line.endswith("would be deleted")
    assert (now, then) == ("    live weights: Blue 100, Green 0", "    after the update: no target group")
    assert "deploy the service" not in ways
    assert live.update(platform(Production=None), entry={}, allow_traffic_shift=["Production"]) == "updated"


def test_a_rule_that_stays_behind_when_it_leaves_the_template_moves_no_traffic(project):
    kept = Platform(project, platform(Production=rule(DeletionPolicy="Retain")), **LEFT)
    kept.shift(Blue=0, Green=100)
    assert kept.update(platform(Production=None), entry={}) == "updated"
    assert kept.weights() == {"Blue": 0, "Green": 100}


def test_a_replaced_rule_begins_with_the_weights_of_the_template(shifted):
    twin = {**platform()["Resources"]["Listener"]}
    twin["Properties"] = {**twin["Properties"], "Port": 81}
    moved = rule()
    moved["Properties"]["ListenerArn"] = {"Ref": "Twin"}
    lines = shifted.refusal(platform(Twin=twin, Production=moved))
    assert lines[1].endswith("would be replaced, because of ListenerArn")


def test_a_target_group_that_is_made_anew_has_no_live_traffic(live):
    lines = live.refusal(platform(Blue=group(Port=9000)))
    assert lines[2:4] == ["    live weights: Blue 100, Green 0", "    after the update: Green 0, a new Blue 100"]
    assert "deploy the service" not in lines[4]


def test_an_idle_target_group_may_be_made_anew(live):
    assert live.update(platform(Green=group(Port=9000))) == "updated"
    assert "no traffic moves at Production: live are Blue 100, Green 0" in live.told
    assert live.policy() == POLICY


def test_leaving_blue_green_deployments_does_not_throw_traffic_back(shifted):
    alone = platform(Production=rule(actions=[{"Type": "forward", "TargetGroupArn": BLUE}]))
    lines = shifted.refusal(alone, entry={})
    assert lines[2:4] == ["    live weights: Blue 0, Green 100", "    after the update: Blue 1"]
    shifted.shift(Blue=100, Green=0)
    assert shifted.update(alone, entry={}) == "updated"
    assert shifted.policy() == {"Statement": [ALLOW_ALL]}


def test_a_rule_that_is_left_to_ecs_from_now_on_needs_no_word(project):
    before = Platform(project, platform(Production=rule(actions=[{"Type": "forward", "TargetGroupArn": BLUE}])))
    assert before.update(platform(), entry=LEFT) == "updated"
    assert before.weights() == {"Blue": 100, "Green": 0}
    assert before.policy() == POLICY


def test_a_rule_that_somebody_deleted_is_refused_as_one_without_traffic(live):
    live.project.account.client("elbv2").delete_rule(RuleArn=live.ids["Production"])
    live.project.add("platform", platform(Production=rule("/api/*")), **LEFT)
    with pytest.raises(DeployError, match="live weights: no target group"):
        live.project.deploy()


def test_a_failed_update_puts_the_policy_back_that_was_lifted_for_it(live):
    broken = {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": "soon"}}
    live.project.add("platform", platform(Production=None, Broken=broken))
    with pytest.raises(DeployError, match="UPDATE_ROLLBACK_COMPLETE"):
        live.project.deploy(allow_traffic_shift=["Production"])
    assert live.policy() == POLICY


def test_who_may_not_look_at_rules_is_told_so_and_nothing_is_left(live, proxy):
    proxy.inject("DescribeRules", denied("elasticloadbalancing:DescribeRules"))
    assert "elasticloadbalancing:DescribeRules" in live.refusal(platform(Production=rule("/api/*")))[0]


def test_a_rule_left_to_ecs_does_not_hinder_a_delete(shifted):
    project = shifted.project
    report = PlainReporter(project.told)
    delete(project.account.cli, project.manifest(), confirm=lambda _: True, report=report, clock=NO_WAIT)
    assert project.account.stack(shifted.stack) is None


# What a template may say

ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup"
HELD = {"Blue": f"{ARN}/blue/1", "Green": f"{ARN}/green/2", "Production": "rule-arn"}
TEMPLATE = """
Resources:
  Production:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      Conditions: [{Field: !Sub "${A}", Values: !Split [",", !ImportValue a]}]
      Actions: %s
"""


class Recorded:
    """A plan that changes a rule, with the answers that AWS once gave."""

    def __init__(self, folder):
        self.folder = folder
        self.names = [
            {"LogicalResourceId": name, "PhysicalResourceId": arn, "ResourceType": "", "ResourceStatus": ""}
            for name, arn in HELD.items()
        ]

    def read(self, actions, live, **parameters):
        answers = {"list-stack-resources": {"StackResourceSummaries": self.names}, "describe-rules": {"Rules": live}}
        for name, answer in answers.items():
            (self.folder / name).write_text(json.dumps(answer))
        script = self.folder / "aws"
        script.write_text(f'#!/bin/sh\nexec /bin/cat "{self.folder}/$2"\n')
        script.chmod(0o700)
        (self.folder / "platform.yaml").write_text(TEMPLATE % actions)
        entry = StackEntry(name="platform", stack_name="p", region="eu-west-1", yaml="platform.yaml", json="p.json")
        change = Change("modify", "Production", RULE_TYPE, "rule-arn")
        plan = StackPlan(
            entry,
            ChangeSet("p", "c", "UPDATE", makes_stack=False),
            "stack-arn",
            (change,),
            parameters=parameters,
            left_to_ecs=frozenset({"Production"}),
        )
        cli = AwsCli("eu-west-1", environment={"PATH": str(self.folder)})
        (rule,) = traffic.read(cli, plan, self.folder)
        return rule


@pytest.fixture
def recorded(tmp_path):
    return Recorded(tmp_path)


def live_rule(**weights):
    groups = [{"TargetGroupArn": f"{ARN}/{name}", "Weight": weight} for name, weight in weights.items()]
    return [{"Actions": [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]}]


GREEN_LIVE = live_rule(**{"blue/1": 0, "green/2": 100})
NINE_TO_NONE = """
        - Type: forward
          ForwardConfig:
            TargetGroups:
              - {TargetGroupArn: !Ref Green, Weight: '9'}
              - {TargetGroupArn: !Ref Blue, Weight: 0}
"""
SIGN_IN = "{Type: authenticate-oidc, AuthenticateOidcConfig: {}}"


@pytest.mark.parametrize(
    "actions",
    [
        NINE_TO_NONE,
        "[{Type: forward, TargetGroupArn: !Ref Green}]",
        "[{Type: forward, TargetGroupArn: !GetAtt Green.TargetGroupArn}]",
        "[{Type: forward, TargetGroupArn: {Fn::GetAtt: [Green, TargetGroupArn]}}]",
        f"[{{Type: forward, TargetGroupArn: '{ARN}/green/2'}}]",
        f"[{SIGN_IN}, {{Type: forward, TargetGroupArn: !Ref Green}}]",
        "[{Type: forward, TargetGroupArn: !Ref GroupArn}]",
        "[{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Green}]}}]",
        "[{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Green, Weight: !Ref Share}]}}]",
    ],
)
def test_the_same_weights_are_seen_however_the_template_writes_them(recorded, actions):
    rule = recorded.read(actions, GREEN_LIVE, Share="7", GroupArn=f"{ARN}/green/2")
    assert not rule.moves
    assert rule.live == {"Blue": 0, "Green": 100}


@pytest.mark.parametrize(
    ("actions", "planned"),
    [
        ("[{Type: forward, TargetGroupArn: !Ref Blue}]", {"Blue": 1}),
        ("[{Type: fixed-response, FixedResponseConfig: {StatusCode: 503}}]", {}),
        (
            "[{ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Green}, {TargetGroupArn: !Ref Blue}]}}]",
            {"Green": 1, "Blue": 1},
        ),
    ],
)
def test_other_weights_move_traffic(recorded, actions, planned):
    rule = recorded.read(actions, GREEN_LIVE)
    assert (rule.moves, rule.planned) == (True, planned)


@pytest.mark.parametrize(
    "actions",
    [
        "!If [Large, [{Type: forward, TargetGroupArn: !Ref Green}], []]",
        "[!If [Large, {Type: forward, TargetGroupArn: !Ref Green}, {}]]",
        "[{Type: forward, ForwardConfig: !If [Large, {}, {}]}]",
        "[{Type: forward, TargetGroupArn: !If [Large, !Ref Green, !Ref Blue]}]",
        "[{Type: forward, ForwardConfig: {TargetGroups: [{TargetGroupArn: !Ref Green, Weight: !If [Large, 1, 0]}]}}]",
        "[{Type: forward, TargetGroupArn: {Fn::GetStackOutput: {StackName: !Ref Other, OutputName: Arn}}}]",
    ],
)
def test_what_only_the_update_will_tell_is_taken_for_another_target_group(recorded, actions):
    rule = recorded.read(actions, GREEN_LIVE)
    assert (rule.moves, rule.can_come_back) == (True, False)
    assert "Fn::" in traffic.shown(rule.planned)


def test_a_target_group_of_another_stack_is_called_by_its_arn(recorded):
    rule = recorded.read("[{Type: forward, TargetGroupArn: !Ref Green}]", live_rule(**{"other/3": 1}))
    assert traffic.shown(rule.live) == f"{ARN}/other/3 1"
    assert rule.moves
