from __future__ import annotations

import re

import pytest
from troposphere import Parameter

from blueprints.model import parameters
from blueprints.model.parameters import StackParameter

EVERY_KIND = [
    parameters.image_tag("facerec-api"),
    parameters.stack_name("network", "facerec-dev-network"),
    parameters.domain_name("app.example.com"),
    parameters.domain_name(None),
    parameters.hosted_zone_id(None),
    parameters.certificate_arn(None),
    parameters.cloudfront_prefix_list("us-west-2"),
    parameters.number(
        "Tasks", group="Capacity", label="Tasks", description="How many", default=1, minimum=0, maximum=9
    ),
]


@pytest.mark.row("XX-07")
@pytest.mark.parametrize("parameter", EVERY_KIND, ids=lambda parameter: parameter.title)
def test_a_parameter_is_typed_described_grouped_and_checked(parameter):
    written = parameter.to_dict()
    assert isinstance(parameter, Parameter)
    assert written["Type"]
    assert written["Description"]
    assert parameter.group
    assert parameter.label
    checked = written["Type"].startswith("AWS::") or {"AllowedPattern", "AllowedValues", "MinValue"} & written.keys()
    assert checked
    assert written["Type"].startswith("AWS::") or written["ConstraintDescription"]


@pytest.mark.parametrize("parameter", EVERY_KIND, ids=lambda parameter: parameter.title)
def test_group_and_label_are_not_part_of_the_parameter_itself(parameter):
    assert not {"group", "label"} & parameter.to_dict().keys()


def test_an_image_tag_has_no_default():
    assert "Default" not in parameters.image_tag("facerec-api").to_dict()


def test_nothing_is_written_that_was_not_given():
    plain = StackParameter("Size", group="Capacity", label="Size", description="How big")
    assert plain.to_dict() == {"Type": "String", "Description": "How big"}


@pytest.mark.row("MP-09")
@pytest.mark.parametrize(
    ("region", "default"), [("us-west-2", "pl-82a045eb"), ("us-east-2", "pl-b6a144df"), ("mx-central-1", None)]
)
def test_the_prefix_list_of_cloudfront_is_asked_for_where_its_id_is_not_known(region, default):
    asked = parameters.cloudfront_prefix_list(region).to_dict()
    assert asked.get("Default") == default
    assert region in asked["Description"]


def test_no_two_regions_share_a_prefix_list():
    known = parameters.CLOUDFRONT_PREFIX_LISTS
    assert len(set(known.values())) == len(known)


def test_zero_is_a_value_like_any_other():
    number = parameters.number("Tasks", group="g", label="l", description="d", default=0, minimum=0, maximum=9)
    assert (number.to_dict()["Default"], number.to_dict()["MinValue"]) == (0, 0)


def test_a_stack_name_parameter_is_named_after_the_other_stack():
    assert parameters.stack_name("web-acl", "x-web-acl").title == "WebAclStackName"


ACCEPTED = {
    "ImageTag": ["latest", "9f86d08", "v1.2.3-rc.1", "_x", "a" * 128],
    "DomainName": ["app.example.com", "example.io", "a-b.example.co.uk"],
    "CertificateArn": [
        "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012",
        "arn:aws-cn:acm:cn-north-1:123456789012:certificate/abc",
    ],
    "NetworkStackName": ["facerec-dev-network", "X"],
    "CloudFrontPrefixListId": [*parameters.CLOUDFRONT_PREFIX_LISTS.values(), "pl-0123456789abcdef0"],
}
REJECTED = {
    "ImageTag": ["", "-x", ".x", "a b", "a" * 129, "sha256:abc"],
    "DomainName": ["example", "app.example.com.", "App.example.com", "-a.example.com", "http://example.com"],
    "CertificateArn": ["arn:aws:iam::123456789012:server-certificate/x", "12345678"],
    "NetworkStackName": ["1network", "a_b", ""],
    "CloudFrontPrefixListId": ["", "pl-", "82a045eb", "pl-82A045EB", "com.amazonaws.global.cloudfront.origin-facing"],
}


@pytest.mark.row("XX-07")
@pytest.mark.parametrize("title", ACCEPTED)
def test_patterns_take_what_is_right_and_refuse_what_is_not(title):
    pattern = next(parameter for parameter in EVERY_KIND if parameter.title == title).AllowedPattern
    assert [value for value in ACCEPTED[title] if not re.fullmatch(pattern, value)] == []
    assert [value for value in REJECTED[title] if re.fullmatch(pattern, value)] == []
