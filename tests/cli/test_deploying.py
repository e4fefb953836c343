"""``blueprints deploy`` and ``delete`` as a person uses them, with the AWS CLI against the emulator."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from blueprints.cli import blueprints
from blueprints.cli.progress import TerminalReporter
from blueprints.deploy.aws import AwsCli
from blueprints.deploy.change_sets import ChangeSet
from blueprints.deploy.local import Emulator
from blueprints.deploy.plan import Change, StackPlan
from blueprints.deploy.traffic import RuleTraffic
from blueprints.model.errors import DeployError
from blueprints.render.manifest import StackEntry

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Parameters:
  Greeting:
    Type: String
    Default: hello
Resources:
  Words:
    Type: AWS::SSM::Parameter
    Properties:
      Type: String
      Name: /tiny/words
      Value: !Ref Greeting
  Shadow:
    Type: AWS::CloudWatch::AnomalyDetector
    Properties:
      MetricName: CPUUtilization
      Namespace: AWS/ECS
      Stat: Average
Outputs:
  Where:
    Value: !Ref Words
"""


BALANCED = """
Resources:
  Vpc: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Subnet: {Type: AWS::EC2::Subnet, Properties: {VpcId: !Ref Vpc, CidrBlock: 10.0.0.0/24}}
  Balancer: {Type: AWS::ElasticLoadBalancingV2::LoadBalancer, Properties: {Subnets: [!Ref Subnet]}}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Port: 80
      Protocol: HTTP
      DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]
  Blue:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Port: 8000, Protocol: HTTP, VpcId: !Ref Vpc, TargetType: ip}
  Green:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties: {Port: 8000, Protocol: HTTP, VpcId: !Ref Vpc, TargetType: ip}
  Production:
    Type: AWS::ElasticLoadBalancingV2::ListenerRule
    Properties:
      ListenerArn: !Ref Listener
      Priority: 1
      Conditions: [{Field: path-pattern, PathPatternConfig: {Values: [/*]}}]
      Actions:
        - Type: forward
          ForwardConfig:
            TargetGroups:
              - {TargetGroupArn: !Ref Blue, Weight: 100}
              - {TargetGroupArn: !Ref Green, Weight: 0}
Outputs:
  Rule: {Value: !Ref Production}
  Green: {Value: !Ref Green}
"""


class Person:
    """Somebody at a command line, with the emulator as the account."""

    def __init__(self, output: Path, environment: dict[str, str]) -> None:
        self.output = output
        self._runner = CliRunner(env=environment)

    def types(self, command: str, *options: str, answers: str = "") -> Result:
        arguments = [command, "tiny", "dev", "--output", str(self.output), *options]
        return self._runner.invoke(blueprints, arguments, input=answers)


@pytest.fixture
def rendered(tmp_path: Path) -> Path:
    """A folder as `blueprints render` leaves it, with one small stack."""
    folder = tmp_path / "output" / "tiny" / "dev"
    folder.mkdir(parents=True)
    (folder / "words.yaml").write_text(TEMPLATE, encoding="utf-8")
    resources = {"Words": {"Type": "AWS::SSM::Parameter"}, "Shadow": {"Type": "AWS::CloudWatch::AnomalyDetector"}}
    (folder / "words.json").write_text(json.dumps({"Resources": resources}), encoding="utf-8")
    stack = {
        "name": "words",
        "stack_name": "tiny-dev-words",
        "region": "us-east-1",
        "yaml": "words.yaml",
        "json": "words.json",
        "parameters": [{"name": "Greeting", "type": "String", "required": False, "default": "hello"}],
        "outputs": ["Where"],
    }
    manifest = {"version": 1, "architecture": "tiny", "environment": "dev", "stacks": [stack]}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return tmp_path / "output"


@pytest.fixture
def person(rendered: Path, emulator: Emulator, forked_cli: Path) -> Person:
    return Person(rendered, {**emulator.environment, "PATH": str(forked_cli)})


def test_a_yes_deploys_and_hands_out_the_outputs(person: Person) -> None:
    result = person.types("deploy", answers="y\n")

    assert result.exit_code == 0, result.output
    assert "Deploy this? [y/N]" in result.stderr
    assert "+ Words (AWS::SSM::Parameter)" in result.stderr
    assert result.stdout == "tiny-dev-words  Where  /tiny/words\n"


def test_a_no_leaves_everything_as_it_was(person: Person) -> None:
    declined = person.types("deploy", answers="n\n")

    assert declined.exit_code == 1
    assert declined.stdout == ""
    assert "there is no such stack" in person.types("delete", "--yes").stderr


def test_where_nobody_can_answer_the_error_names_the_option(person: Person) -> None:
    result = person.types("deploy")

    assert isinstance(result.exception, DeployError)
    assert "add --yes" in str(result.exception)


def test_a_parameter_reaches_the_stack_and_a_second_deploy_has_nothing_to_do(person: Person) -> None:
    assert person.types("deploy", "--yes", "-p", "Greeting=moin").exit_code == 0
    again = person.types("deploy", "--yes", "-p", "Greeting=moin")

    assert again.exit_code == 0
    assert "tiny-dev-words is up to date" in again.stderr


def test_delete_says_what_goes_and_asks(person: Person) -> None:
    person.types("deploy", "--yes")
    kept, gone = person.types("delete", answers="n\n"), person.types("delete", answers="y\n")

    assert (kept.exit_code, gone.exit_code) == (1, 0)
    assert "tiny-dev-words: 2 resources would be deleted" in kept.stderr
    assert "Nothing was deleted." in kept.stderr
    assert "DELETE_COMPLETE" in gone.stderr


@pytest.fixture
def balanced(rendered: Path) -> Path:
    """The same folder with a load balancer, whose rule is left to ECS."""
    (rendered / "tiny" / "dev" / "words.yaml").write_text(BALANCED, encoding="utf-8")
    path = rendered / "tiny" / "dev" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["stacks"][0] |= {"parameters": [], "owned_by_ecs": ["Production"], "outputs": ["Rule", "Green"]}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    return rendered / "tiny" / "dev" / "words.yaml"


@pytest.mark.row("RC-18")
def test_live_traffic_moves_only_when_the_rule_is_named(person: Person, balanced: Path, emulator: Emulator) -> None:
    made = person.types("deploy", "--yes")
    outputs = {line.split()[1]: line.split()[2] for line in made.stdout.splitlines()}
    group = {"TargetGroupArn": outputs["Green"], "Weight": 100}
    actions = json.dumps([{"Type": "forward", "ForwardConfig": {"TargetGroups": [group]}}])
    cli = AwsCli("us-east-1", endpoint_url=emulator.endpoint_url, environment=emulator.environment)
    cli.run("elbv2", "modify-rule", "--rule-arn", outputs["Rule"], "--actions", actions)
    balanced.write_text(BALANCED.replace("/*", "/api/*"), encoding="utf-8")
    refused = person.types("deploy", "--yes")
    allowed = person.types("deploy", "--yes", "--allow-traffic-shift", "Production")

    assert str(refused.exception).endswith("let the traffic move: --allow-traffic-shift Production")
    assert (
        "~ Production (AWS::ElasticLoadBalancingV2::ListenerRule): Conditions (weights owned by ECS)" in allowed.stderr
    )
    assert "live traffic moves at Production: from Green 100 to Blue 100, Green 0" in allowed.stderr
    assert allowed.exit_code == 0


@pytest.mark.parametrize(("live", "line"), [("Blue", "✓ no traffic moves at"), ("Green", "! live traffic moves at")])
def test_a_terminal_says_which_rules_ecs_rewrites_and_what_an_update_does_to_them(live: str, line: str) -> None:
    rule = Change("modify", "Rule", "AWS::ElasticLoadBalancingV2::ListenerRule", properties=("Conditions",))
    entry = StackEntry(name="web", stack_name="tiny-web", region="us-east-1", yaml="web.yaml", json="web.json")
    change_set = ChangeSet("tiny-web", "blueprints-1", "UPDATE", makes_stack=False)
    out = io.StringIO()
    report = TerminalReporter(out)
    report.plan(StackPlan(entry, change_set, "arn", (rule,), left_to_ecs=frozenset({"Rule"})))
    report.rule_checked(RuleTraffic(rule, {live: 1}, {"Blue": 100}))

    assert "weights owned by ECS" in " ".join(out.getvalue().split())
    assert f"  {line} Rule: " in out.getvalue()


def test_an_image_tag_without_an_image_is_refused(person: Person) -> None:
    result = person.types("deploy", "--image-tag", "abc")

    assert "no stack of tiny/dev takes an image tag" in str(result.exception)


@pytest.mark.parametrize("option", [["--profile", "me"], ["--endpoint-url", "http://localhost:1"]])
def test_a_local_deploy_takes_no_other_account(rendered: Path, option: list[str]) -> None:
    result = Person(rendered, {}).types("deploy", "--local", *option)

    assert result.exit_code == 2
    assert "leave out --endpoint-url, --profile" in result.stderr


def test_a_local_deploy_brings_its_own_account_and_says_what_was_real(rendered: Path) -> None:
    result = Person(rendered, {}).types("deploy", "--local")

    assert result.exit_code == 0, result.output
    assert [line.split(None, 2) for line in result.stdout.splitlines()] == [
        ["tiny-dev-words", "Where", "/tiny/words"],
        ["Words", "AWS::SSM::Parameter", "real in the emulator"],
        ["Shadow", "AWS::CloudWatch::AnomalyDetector", "stand-in"],
    ]
    assert "2 resources: 1 real in the emulator, 1 stand-in" in result.stderr
    assert "not what the resource does" in result.stderr
