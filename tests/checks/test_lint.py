"""What `lint` looks at, what it finds, and what it remembers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from blueprints.checks import aws_validate, cfn_lint
from blueprints.checks import lint as lint_module
from blueprints.checks.findings import Finding
from blueprints.checks.lint import lint
from blueprints.checks.templates import parse
from blueprints.model.errors import LintError
from tests.checks.samples import CLEAN, CLEAN_JSON, MISSPELT

DATABASE = """\
Resources:
  Database:
    Type: AWS::RDS::DBInstance
    Properties:
      Engine: postgres
      EngineVersion: 9.6.1
      DBInstanceClass: db.t4g.micro
      AllocatedStorage: 20
"""


def rules(findings):
    return [(found.engine, found.rule, found.level) for found in findings]


def test_a_clean_template_has_no_findings(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    assert run(folder) == []
    assert run(folder).templates == (folder / "topic.yaml",)


def test_both_engines_say_where_a_misspelt_property_is(folder, run):
    (folder / "topic.yaml").write_text(MISSPELT)
    found = [finding for finding in run(folder) if finding.level == "error"]
    assert [(one.engine, one.rule, one.line, one.column, one.resource) for one in found] == [
        ("cfn-lint", "E3002", 14, 7, "Topic"),
        ("cloudformation-validate", "F3002", 14, 7, "Topic"),
    ]
    assert "DisplayNam" in found[0].message
    assert found[0].source_url


def test_our_own_rules_are_always_part_of_it(folder, run):
    group = "Resources: {Group: {Type: AWS::EC2::SecurityGroup, Properties: {GroupDescription: x}}}"
    (folder / "group.yaml").write_text(group)
    assert ("cfn-lint", "E9004", "error") in rules(run(folder))


def test_the_experimental_rules_about_context_are_on(folder, run):
    (folder / "topic.yaml").write_text(CLEAN.replace("why: alarms go", "reason: alarms go"))
    assert {"W4011", "W4012"} <= {found.rule for found in run(folder) if found.engine == "cfn-lint"}


def test_an_engine_version_that_can_no_longer_be_created_is_an_error(folder, run):
    (folder / "database.yaml").write_text(DATABASE)
    assert ("cfn-lint", "W3691", "error") in rules(run(folder))


def test_findings_are_sorted_by_file_and_place(folder, run):
    for name in ("b", "a"):
        (folder / f"{name}.yaml").write_text(DATABASE)
    found = run(folder)
    assert found == sorted(found, key=lambda one: (one.path, one.line, one.column, one.rule))
    assert [path.name for path in found.templates] == ["a.yaml", "b.yaml"]


def test_processes_side_by_side_find_what_one_finds(folder, tmp_path):
    for number in range(4):
        (folder / f"topic{number}.yaml").write_text(f"# {number}\n{MISSPELT}")
    together = lint([folder], cache=tmp_path / "one", processes=3)
    alone = lint([folder], cache=tmp_path / "other", processes=1)
    assert together == alone
    assert len(together) == 8


# What is looked at


def test_json_that_equals_the_yaml_beside_it_is_not_linted_twice(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    (folder / "topic.json").write_text(CLEAN_JSON)
    assert run(folder) == []
    assert run(folder).templates == (folder / "topic.yaml",)


def test_json_that_differs_from_the_yaml_beside_it_is_a_finding_and_linted(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    (folder / "topic.json").write_text(CLEAN_JSON.replace("DisplayName", "DisplayNam"))
    found = [finding for finding in run(folder) if finding.level == "error"]
    assert {finding.path.name for finding in found} == {"topic.json"}
    assert [finding.rule for finding in found] == ["E9101", "E3002", "F3002"]
    assert "run `blueprints render` again" in found[0].message


def test_both_forms_of_an_attribute_are_the_same_data(folder, run):
    template = "Resources: {A: {Type: AWS::SNS::Topic}}\nOutputs: {B: {Value: %s}}\n"
    (folder / "topic.yaml").write_text(template % "!GetAtt A.TopicName")
    (folder / "topic.json").write_text(
        '{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"B": {"Value": {"Fn::GetAtt": "A.TopicName"}}}}'
    )
    assert "E9101" not in {found.rule for found in run(folder)}


def test_json_without_yaml_beside_it_is_linted(folder, run):
    (folder / "topic.json").write_text(CLEAN_JSON.replace("DisplayName", "DisplayNam"))
    assert {found.path.name for found in run(folder)} == {"topic.json"}


def test_folders_are_searched_and_what_is_no_template_is_left_alone(folder, run):
    deep = folder / "facerec" / "dev"
    deep.mkdir(parents=True)
    (deep / "service.yaml").write_text(CLEAN)
    (deep / "network.template").write_text(CLEAN)
    (deep / "package.json").write_text('{"name": "x"}')
    (deep / "manifest.json").write_text('{"stacks": [], "Resources": {}}')
    (deep / "compose.yaml").write_text("services: {}\n")
    (folder / ".git").mkdir()
    (folder / ".git" / "topic.yaml").write_text(MISSPELT)
    assert run(folder) == []
    assert [path.name for path in run(folder).templates] == ["network.template", "service.yaml"]


def test_a_file_that_is_named_twice_is_linted_once(folder, run):
    (folder / "topic.yaml").write_text(MISSPELT)
    assert run(folder, folder / "topic.yaml") == run(folder)


# Regions and parameters


def manifest(folder, region="us-east-1", default="alarms", template="topic.yaml"):
    stack = {
        "name": "topic",
        "stack_name": "shop-dev-topic",
        "region": region,
        "yaml": template,
        "parameters": [
            {"name": "Name", "type": "String", "required": False, "default": default},
            {"name": "Tag", "type": "String", "required": True},
        ],
    }
    (folder / "manifest.json").write_text(json.dumps({"version": 1, "stacks": [stack]}))


def unknown_type(findings):
    return [found for found in findings if found.rule == "E3006"]


@pytest.fixture
def regional(folder):
    """A template whose type exists in us-east-1 and not in mx-central-1."""
    (folder / "topic.yaml").write_text("Resources: {Bot: {Type: AWS::Lex::Bot, Properties: {}}}\n")
    return folder


def test_a_template_is_linted_in_the_region_of_its_manifest(regional, run):
    assert unknown_type(run(regional)) == []
    manifest(regional, region="mx-central-1")
    assert "mx-central-1" in unknown_type(run(regional))[0].message


def test_regions_that_are_given_win_over_the_manifest(regional, run):
    manifest(regional, region="mx-central-1")
    assert unknown_type(run(regional, regions=["us-east-1"])) == []
    assert unknown_type(run(regional, regions=["us-east-1", "mx-central-1"]))


def test_a_template_that_environments_share_is_linted_in_the_regions_of_both(folder, run):
    for environment, region in (("dev", "us-east-1"), ("prod", "mx-central-1")):
        (folder / environment).mkdir()
        manifest(folder / environment, region=region, template="../shared/topic.yaml")
    (folder / "shared").mkdir()
    (folder / "shared" / "topic.yaml").write_text("Resources: {Bot: {Type: AWS::Lex::Bot, Properties: {}}}\n")
    assert unknown_type(run(folder / "shared"))


def test_parameters_have_the_values_of_the_manifest(folder, run):
    condition = "Conditions:\n  IsWrong: !Equals [!Ref Name, wrong]\nResources:\n"
    template = CLEAN.replace("Resources:\n", condition).replace(
        "DisplayName: !Ref Name", "FifoTopic: !If [IsWrong, x, true]"
    )
    (folder / "topic.yaml").write_text(template)
    for value, expected in (("alarms", []), ("wrong", ["F3012"])):
        manifest(folder, default=value)
        found = [one.rule for one in run(folder) if one.engine == "cloudformation-validate"]
        assert found == expected


def test_another_file_that_is_called_manifest_is_no_trouble(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    for text in ("[]", "{", '{"stacks": [5]}', '{"stacks": 5}', "\x00"):
        (folder / "manifest.json").write_text(text)
        assert run(folder) == []


# Suppressions


def suppressed(entry, template=MISSPELT):
    return template.replace("    Metadata:\n", f"    Metadata:\n      Suppressions:\n        - {entry}\n")


def test_a_suppression_with_a_reason_covers_the_findings_of_both_engines_on_that_resource(folder, run):
    text = suppressed("{rule: E3002, reason: new}\n        - {rule: F3002, reason: new}")
    (folder / "topic.yaml").write_text(text)
    assert run(folder) == []


def test_a_suppression_without_a_reason_covers_nothing_and_is_a_finding(folder, run):
    (folder / "topic.yaml").write_text(suppressed("{rule: E3002}"))
    assert [found.rule for found in run(folder)] == ["E9014", "E3002", "F3002"]


def test_cfn_lints_own_suppression_needs_a_reason_too(folder, run):
    ignored = "    Metadata:\n      cfn-lint: {config: {ignore_checks: [E3002]}}\n"
    text = MISSPELT.replace("    Metadata:\n", ignored)
    (folder / "topic.yaml").write_text(text)
    assert [found.rule for found in run(folder)] == ["E9014", "E3002", "F3002"]
    (folder / "topic.yaml").write_text(suppressed("{rule: E3002, reason: new}", text))
    assert [found.rule for found in run(folder)] == ["F3002"]


def test_a_suppression_on_one_resource_leaves_the_others_alone(folder, run):
    other = "  Other:\n    Type: AWS::SNS::Topic\n    Metadata:\n      com.aws.cloudformation.Context: {why: x}\n"
    text = (
        suppressed("{rule: E3002, reason: new}") + other + "    Properties: {Nonsense: 1, Tags: [{Key: a, Value: b}]}\n"
    )
    (folder / "topic.yaml").write_text(text)
    assert [found.resource for found in run(folder) if found.rule == "E3002"] == ["Other"]


def test_a_suppression_at_the_top_covers_the_whole_template(folder, run):
    metadata = "Metadata:\n  Suppressions: [{rule: E3002, reason: new}, {rule: F3002, reason: new}]\n"
    metadata += "  com.aws.cloudformation.Context: {arch: one topic}\n"
    (folder / "topic.yaml").write_text(metadata + MISSPELT)
    assert run(folder) == []


def test_a_cfnlintrc_changes_nothing(folder, run, monkeypatch):
    (folder / "topic.yaml").write_text(MISSPELT)
    (folder / ".cfnlintrc").write_text("ignore_checks: [E3002]\n")
    monkeypatch.chdir(folder)
    assert "E3002" in {found.rule for found in run(folder)}


# Memory


def counted(folder, cache):
    """Lint in a process of its own: how many findings, and whether an engine was imported for them."""
    script = (
        "import sys; from pathlib import Path; from blueprints.checks.lint import lint; "
        "found = lint([Path(sys.argv[1])], cache=Path(sys.argv[2])); "
        "print(len(found), 'cfnlint' in sys.modules, 'cloudformation_validate' in sys.modules, 'yaml' in sys.modules)"
    )
    root = Path(lint_module.__file__).parents[2]
    command = [sys.executable, "-c", script, folder, cache]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60)
    return result.stdout.split()


def test_an_unchanged_tree_is_linted_without_importing_an_engine(folder, tmp_path):
    (folder / "topic.yaml").write_text(MISSPELT)
    (folder / "topic.json").write_text(CLEAN_JSON)
    first, second = (counted(folder, tmp_path / "memory") for _ in range(2))
    assert first == ["3", "True", "True", "True"]
    assert second == ["3", "False", "False", "False"]


def test_a_changed_template_is_linted_again(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    assert run(folder) == []
    (folder / "topic.yaml").write_text(MISSPELT)
    assert len(run(folder)) == 2


def test_the_same_text_in_another_place_is_remembered_with_its_own_path(folder, run):
    (folder / "one.yaml").write_text(MISSPELT)
    run(folder)
    (folder / "one.yaml").rename(folder / "two.yaml")
    assert {found.path.name for found in run(folder)} == {"two.yaml"}


@pytest.mark.parametrize("garbage", ["", "{", "5", '[{"rule": "E1"}]', '{"a": 1}', "\xff", "[5]", "null"])
def test_a_broken_memory_is_ignored_and_mended(folder, run, tmp_path, garbage):
    (folder / "topic.yaml").write_text(MISSPELT)
    expected = run(folder)
    for entry in (tmp_path / "memory").rglob("*.json"):
        entry.write_text(garbage, encoding="latin-1")
    assert run(folder) == expected
    assert all(json.loads(entry.read_text()) for entry in (tmp_path / "memory").rglob("*.json"))


def test_a_memory_that_cannot_be_written_only_makes_it_slow(folder, tmp_path):
    (folder / "topic.yaml").write_text(MISSPELT)
    (tmp_path / "file").write_text("not a folder")
    assert len(lint([folder], cache=tmp_path / "file" / "memory")) == 2


def test_the_memory_lies_where_the_user_keeps_caches(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    (folder / "topic.yaml").write_text(CLEAN)
    lint([folder])
    assert list((tmp_path / "caches" / "blueprints" / "lint").rglob("*.json"))


# Bad input


def test_no_path_is_refused(run):
    with pytest.raises(LintError, match=r"nothing to lint: name a template, or a folder .*output/"):
        run()


def test_a_path_that_does_not_exist_is_refused(tmp_path, run):
    with pytest.raises(LintError, match=r"nowhere does not exist: .*blueprints render"):
        run(tmp_path / "nowhere")


def test_a_folder_without_templates_is_refused(folder, run):
    with pytest.raises(LintError, match=r"no templates in .*blueprints render"):
        run(folder)


def test_a_file_of_another_kind_is_refused(folder, run):
    (folder / "notes.txt").write_text("x")
    with pytest.raises(LintError, match=r"notes.txt is not a template: a template ends in .yaml"):
        run(folder / "notes.txt")


def test_a_manifest_is_refused_with_its_folder_named(folder, run):
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(LintError, match=r"lists templates and is none itself: name its folder, .*templates"):
        run(folder / "manifest.json")


def test_a_region_that_does_not_exist_is_refused_with_those_that_do(folder, run):
    (folder / "topic.yaml").write_text(CLEAN)
    with pytest.raises(LintError, match=r"no such region: us-east-9; allowed are .*eu-west-1"):
        run(folder, regions=["us-east-9"])


@pytest.mark.parametrize(
    "broken",
    [
        ("t.yaml", "Resources:\n  A: [\n", "not valid YAML", (3, 1)),
        ("t.yaml", "Resources:\n\tA: 1\n", "not valid YAML", (2, 1)),
        ("t.yaml", "Resources: !!python/object:os.system {}\n", "not valid YAML", (1, 12)),
        ("t.json", '{"Resources": {\n  "A": 1,,\n}}', "not valid JSON", (2, 10)),
        ("t.yaml", "Resources: \x07\n", "not valid YAML", (1, 1)),
        ("t.yaml", "- Resources:\n", "not a CloudFormation template", (1, 1)),
        ("t.yaml", "services: {}\n", "not a CloudFormation template", (1, 1)),
        ("t.yaml", "", "not a CloudFormation template", (1, 1)),
        ("t.yaml", "Resources: 5\n", "not a CloudFormation template", (1, 1)),
        ("t.yaml", "[" * 5000 + "]" * 5000, "nested too deeply", (1, 1)),
    ],
)
def test_what_cannot_be_read_is_one_finding_with_its_place_and_a_way_out(folder, run, broken):
    name, text, message, place = broken
    (folder / name).write_text(text)
    (found,) = run(folder / name)
    assert found.message.startswith(message)
    assert "mend it" in found.message
    assert (found.rule, found.level, found.line, found.column) == ("E9100", "error", *place)


def test_a_file_that_cannot_be_opened_is_one_finding(folder, run):
    (folder / "t.yaml").symlink_to(folder / "nowhere.yaml")
    (found,) = run(folder)
    assert found.message.startswith("cannot be read: No such file")


def test_json_that_cannot_be_read_is_one_finding_and_the_yaml_is_still_linted(folder, run):
    (folder / "topic.yaml").write_text(MISSPELT)
    (folder / "topic.json").write_text('{"Resources": {')
    assert [(found.path.name, found.rule) for found in run(folder)] == [
        ("topic.json", "E9100"),
        ("topic.yaml", "E3002"),
        ("topic.yaml", "F3002"),
    ]


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref A", '{"Ref": "A"}'),
        ("!Sub [x, {a: !Ref B}]", '{"Fn::Sub": ["x", {"a": {"Ref": "B"}}]}'),
        ("!Transform {Name: x}", '{"Fn::Transform": {"Name": "x"}}'),
        ("!Condition A", '{"Condition": "A"}'),
        ("2010-09-09", '"2010-09-09"'),
        ("{Fn::GetAtt: A.B.C}", '{"Fn::GetAtt": ["A", "B.C"]}'),
    ],
)
def test_short_and_long_forms_are_the_same_data(short, long):
    assert parse(f"Value: {short}") == parse(f'{{"Value": {long}}}')


@pytest.mark.parametrize(("check", "nonsense"), [(cfn_lint.check, None), (aws_validate.check, [None])])
def test_an_engine_that_fails_is_a_finding(check, nonsense):
    (found,) = check(Path("t.yaml"), CLEAN, nonsense)
    assert (found.rule, found.level) == ("E9102", "error")
    assert "failed on this template" in found.message


def test_an_analysis_that_ends_early_is_a_warning():
    exhausted = SimpleNamespace(description="too many conditions")
    report = SimpleNamespace(
        status=SimpleNamespace(name="ANALYSIS_INCOMPLETE"),
        metadata=SimpleNamespace(budget_exhaustions=[exhausted]),
    )
    (found,) = aws_validate._left_out(Path("t.yaml"), report)
    assert (found.rule, found.level) == ("W9103", "warning")
    assert "too many conditions" in found.message


def test_a_file_that_is_no_text_is_one_finding(folder, run):
    (folder / "t.yaml").write_bytes(b"Resources: \xff")
    (found,) = run(folder)
    assert found.message.startswith("not UTF-8 text")


def test_one_unreadable_file_does_not_keep_the_others_from_being_linted(folder, run):
    (folder / "broken.yaml").write_text("Resources: [\n")
    (folder / "topic.yaml").write_text(MISSPELT)
    assert [(found.path.name, found.rule) for found in run(folder)] == [
        ("broken.yaml", "E9100"),
        ("topic.yaml", "E3002"),
        ("topic.yaml", "F3002"),
    ]


@pytest.mark.parametrize(
    "resources",
    [
        "{A: 5}",
        "{A: []}",
        "{A: {Type: [], Properties: 5, DependsOn: {}, Metadata: 5}}",
        "{A: {Type: AWS::SNS::Topic, Metadata: {cfn-lint: 5, Suppressions: 5}}}",
        "{A: {Type: AWS::Serverless::Function, Properties: 5}}\nTransform: AWS::Serverless-2016-10-31",
        "{A: {Type: AWS::SNS::Topic}}\nParameters: []\nConditions: 5\nOutputs: []\nMappings: x",
    ],
)
def test_a_template_of_nonsense_gives_findings_and_no_traceback(folder, run, resources):
    (folder / "t.yaml").write_text(f"Resources: {resources}\n")
    found = run(folder)
    assert "error" in {finding.level for finding in found}
    assert all(isinstance(finding, Finding) for finding in found)
