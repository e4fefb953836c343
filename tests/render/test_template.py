from __future__ import annotations

import json

import pytest
from troposphere import Equals, Parameter, Ref, Tags, ec2, sns, sqs

from blueprints import catalog
from blueprints.model import parameters
from blueprints.model.context import KEY, because
from blueprints.model.errors import TemplateError
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack
from blueprints.render import to_json, to_yaml
from blueprints.render.template import to_dict
from tests.support.cfn_yaml import load


@pytest.fixture
def stack():
    """A stack with something in every section."""
    made = Stack("service", Settings(project="sample"), description="For tests", arch="Alone")
    made.output("QueueUrl", Ref("Jobs"), "The queue")
    made.add(because("Jobs wait here.", sqs.Queue("Jobs", DependsOn="Alerts", Tags=Tags(Name="jobs"), DelaySeconds=1)))
    made.add(sns.Topic("Alerts"))
    made.add(parameters.image_tag("api"))
    made.add(parameters.domain_name("app.example.com"))
    made.add(Parameter("Plain", Type="String"))
    made.add(parameters.hosted_zone_id(None))
    made.add_rule("Named", {"Assertions": []})
    made.add_mapping("Sizes", {"small": {"cpu": 1}})
    made.add_condition("Big", Equals(Ref("Plain"), "big"))
    return made


BUILT = {
    f"{name}-{environment}-{stack.name}": stack
    for name in catalog.names()
    for environment in ("dev", "prod")
    for stack in catalog.load(name).build(catalog.load(name).Settings(environment=environment))
}


@pytest.mark.row("XX-01")
@pytest.mark.parametrize("name", BUILT)
def test_yaml_and_json_are_equal_as_data(name):
    stack = BUILT[name]
    assert json.dumps(load(to_yaml(stack))) == json.dumps(json.loads(to_json(stack)))


@pytest.mark.row("XX-01")
@pytest.mark.parametrize("name", BUILT)
def test_templates_are_plain_text_without_trailing_spaces(name):
    for text in (to_yaml(BUILT[name]), to_json(BUILT[name])):
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        assert not [line for line in text.splitlines() if line != line.rstrip()]
        assert "\t" not in text


def test_yaml_and_json_of_a_stack_with_every_section_are_equal_as_data(stack):
    assert json.dumps(load(to_yaml(stack))) == json.dumps(json.loads(to_json(stack)))


def test_sections_come_in_reading_order(stack):
    assert list(to_dict(stack)) == [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Resources",
        "Outputs",
    ]


def test_a_resource_says_what_it_is_then_why_then_how_and_its_tags_last(stack):
    jobs = to_dict(stack)["Resources"]["Jobs"]
    assert list(jobs) == ["Type", "Metadata", "DependsOn", "Properties"]
    assert list(jobs["Properties"]) == ["DelaySeconds", "Tags"]


def test_resources_keep_the_order_they_were_added_in(stack):
    assert list(to_dict(stack)["Resources"]) == ["Jobs", "Alerts"]


def test_a_parameter_says_what_it_is_then_what_it_is_for(stack):
    assert list(to_dict(stack)["Parameters"]["DomainName"]) == [
        "Type",
        "Description",
        "Default",
        "AllowedPattern",
        "ConstraintDescription",
    ]


@pytest.mark.row("XX-07")
def test_the_console_asks_for_parameters_by_group_and_label(stack):
    form = to_dict(stack)["Metadata"]["AWS::CloudFormation::Interface"]
    assert {group["Label"]["default"]: group["Parameters"] for group in form["ParameterGroups"]} == {
        "Image": ["ImageTag"],
        "Domain": ["DomainName", "HostedZoneId"],
        "Further parameters": ["Plain"],
    }
    assert form["ParameterLabels"]["DomainName"] == {"default": "Domain name"}
    assert form["ParameterLabels"]["Plain"] == {"default": "Plain"}


@pytest.mark.row("XX-07")
@pytest.mark.parametrize("name", BUILT)
def test_every_parameter_has_a_group_a_label_a_description_and_a_check(name):
    template = to_dict(BUILT[name])
    written = template.get("Parameters", {})
    form = template["Metadata"].get("AWS::CloudFormation::Interface", {"ParameterGroups": [], "ParameterLabels": {}})
    grouped = [title for group in form["ParameterGroups"] for title in group["Parameters"]]
    assert sorted(grouped) == sorted(written) == sorted(form["ParameterLabels"])
    assert "Further parameters" not in [group["Label"]["default"] for group in form["ParameterGroups"]]
    for parameter in written.values():
        assert parameter["Description"]
        checks = {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys()
        assert "AWS::" in parameter["Type"] or (checks and parameter["ConstraintDescription"])


@pytest.mark.row("XX-08")
@pytest.mark.parametrize("name", BUILT)
def test_a_template_can_be_sent_without_a_bucket(name):
    assert len(to_yaml(BUILT[name]).encode()) <= 51_200


@pytest.mark.row("XX-13")
@pytest.mark.parametrize("name", BUILT)
def test_no_template_names_a_partition_of_its_own(name):
    text = to_json(BUILT[name])
    # The pattern of a certificate's ARN takes every partition.
    assert [line for line in text.splitlines() if "arn:aws" in line and "AllowedPattern" not in line] == []


@pytest.mark.row("XX-14")
@pytest.mark.parametrize("name", BUILT)
def test_a_template_explains_itself(name):
    template = to_dict(BUILT[name])
    assert template["Metadata"][KEY]["arch"]
    silent = [key for key, resource in template["Resources"].items() if KEY not in resource.get("Metadata", {})]
    assert silent == []


def test_json_is_indented_by_two(stack):
    text = to_json(stack)
    assert text.splitlines()[:2] == ["{", '  "AWSTemplateFormatVersion": "2010-09-09",']
    assert json.loads(text) == to_dict(stack)


def test_rendering_changes_nothing_of_the_stack(stack):
    before = stack.to_dict()
    first = to_yaml(stack)
    assert to_yaml(stack) == first
    assert stack.to_dict() == before


def test_a_stack_without_parameters_asks_for_none():
    bare = Stack("network", Settings(project="sample"), description="For tests", arch="Alone")
    bare.add(sns.Topic("Alerts"))
    assert list(to_dict(bare)["Metadata"]) == [KEY]
    assert list(to_dict(bare)) == ["AWSTemplateFormatVersion", "Description", "Metadata", "Resources"]


def test_a_missing_property_is_named_with_its_stack():
    broken = Stack("network", Settings(project="sample"), description="For tests", arch="Alone")
    broken.add(ec2.Subnet("Lonely"))
    with pytest.raises(TemplateError, match=r"network: .*VpcId.*Lonely"):
        to_dict(broken)
