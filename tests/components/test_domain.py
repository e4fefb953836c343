from __future__ import annotations

import pytest
from troposphere import Ref

from blueprints.components.domain import AliasRecord, Certificate
from blueprints.components.network import Network
from blueprints.model import parameters
from blueprints.render.template import to_dict
from tests.support.service import front

pytestmark = pytest.mark.row("CA-13")


@pytest.fixture
def asked():
    return parameters.domain_name("app.example.com"), parameters.hosted_zone_id(None)


def certificate(asked):
    return Certificate("Public", domain_name=asked[0], hosted_zone_id=asked[1])


def test_logical_ids_are_a_promise(stack_of, asked):
    stack = stack_of()
    _, balancer = front(stack, Network.existing(stack, egress="public"))
    record = AliasRecord("Public", domain_name=asked[0], hosted_zone_id=asked[1], load_balancer=balancer.load_balancer)
    titles = [resource.title for part in (certificate(asked), record) for resource in part.resources()]
    assert titles == ["PublicCertificate", "PublicAliasRecord"]


def test_no_linter_finds_anything(stack_of, findings, asked):
    stack = stack_of(asked, certificate(asked))
    _, balancer = front(stack, Network.existing(stack, egress="public"))
    stack.add(
        AliasRecord("Public", domain_name=asked[0], hosted_zone_id=asked[1], load_balancer=balancer.load_balancer)
    )
    assert findings(stack) == []


def test_the_certificate_validates_itself_in_the_hosted_zone(stack_of, properties_of, asked):
    made = properties_of(stack_of(asked, certificate(asked)), "PublicCertificate")
    assert made["ValidationMethod"] == "DNS"
    # Without the zone's id CloudFormation waits for somebody to write the record.
    assert made["DomainValidationOptions"] == [
        {"DomainName": {"Ref": "DomainName"}, "HostedZoneId": {"Ref": "HostedZoneId"}}
    ]
    assert certificate(asked).arn.to_dict() == Ref("PublicCertificate").to_dict()


def test_the_name_leads_to_the_load_balancer_while_it_is_well(stack_of, asked):
    stack = stack_of(asked)
    _, balancer = front(stack, Network.existing(stack, egress="public"))
    stack.add(
        AliasRecord("Public", domain_name=asked[0], hosted_zone_id=asked[1], load_balancer=balancer.load_balancer)
    )
    record = to_dict(stack)["Resources"]["PublicAliasRecord"]["Properties"]
    assert (record["Type"], record["Name"]) == ("A", {"Ref": "DomainName"})
    assert record["AliasTarget"] == {
        "DNSName": {"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]},
        "HostedZoneId": {"Fn::GetAtt": ["PublicLoadBalancer", "CanonicalHostedZoneID"]},
        "EvaluateTargetHealth": True,
    }
