from __future__ import annotations

import pytest
from troposphere import Parameter, Ref, Sub

from blueprints.components.domain import AliasRecord, Certificate, DistributionRecord
from blueprints.components.network import Network
from blueprints.model import parameters
from blueprints.render.template import to_dict
from tests.support.service import front

pytestmark = pytest.mark.row("CA-13")

DUAL_STACK = [pytest.param(dual_stack, id="dual-stack" if dual_stack else "ipv4") for dual_stack in (False, True)]


@pytest.fixture
def asked():
    return parameters.domain_name("app.example.com"), parameters.hosted_zone_id(None)


def certificate(asked):
    return Certificate("Public", domain_name=asked[0], hosted_zone_id=asked[1])


def leads_to(stack, asked, *, dual_stack=False):
    """The record for a load balancer that the stack has, added to it."""
    _, balancer = front(stack, Network.existing(stack, egress="public"))
    return stack.add(
        AliasRecord(
            "Public",
            domain_name=asked[0],
            hosted_zone_id=asked[1],
            load_balancer=balancer.load_balancer,
            dual_stack=dual_stack,
        )
    )


def test_logical_ids_are_a_promise(stack_of, asked):
    record, both = leads_to(stack_of(), asked), leads_to(stack_of(), asked, dual_stack=True)
    assert [resource.title for part in (certificate(asked), record) for resource in part.resources()] == [
        "PublicCertificate",
        "PublicAliasRecord",
    ]
    assert [resource.title for resource in both.resources()] == ["PublicAliasRecord", "PublicAliasRecordIpv6"]


@pytest.mark.parametrize("dual_stack", DUAL_STACK)
def test_no_linter_finds_anything(stack_of, findings, asked, dual_stack):
    stack = stack_of(asked, certificate(asked))
    leads_to(stack, asked, dual_stack=dual_stack)
    assert findings(stack) == []


def test_the_certificate_validates_itself_in_the_hosted_zone(stack_of, properties_of, asked):
    made = properties_of(stack_of(asked, certificate(asked)), "PublicCertificate")
    assert made["ValidationMethod"] == "DNS"
    # Without the zone's id CloudFormation waits for somebody to write the record.
    assert made["DomainValidationOptions"] == [
        {"DomainName": {"Ref": "DomainName"}, "HostedZoneId": {"Ref": "HostedZoneId"}}
    ]
    assert certificate(asked).arn.to_dict() == Ref("PublicCertificate").to_dict()


@pytest.mark.row("RC-06")
@pytest.mark.parametrize("dual_stack", DUAL_STACK)
def test_the_name_leads_to_the_load_balancer_while_it_is_well(stack_of, asked, dual_stack):
    stack = stack_of(asked)
    leads_to(stack, asked, dual_stack=dual_stack)
    records = [r["Properties"] for r in to_dict(stack)["Resources"].values() if r["Type"] == "AWS::Route53::RecordSet"]
    assert [record["Type"] for record in records] == (["A", "AAAA"] if dual_stack else ["A"])
    for record in records:
        assert record["Name"] == {"Ref": "DomainName"}
        assert record["AliasTarget"] == {
            "DNSName": {"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]},
            "HostedZoneId": {"Fn::GetAtt": ["PublicLoadBalancer", "CanonicalHostedZoneID"]},
            "EvaluateTargetHealth": True,
        }


# CloudFront


@pytest.mark.row("MP-15")
def test_a_composed_name_has_a_certificate_and_a_record(stack_of, asked, findings, properties_of):
    stack = stack_of(asked)
    _, balancer = front(stack, Network.existing(stack, egress="public"))
    name = Sub("origin.${DomainName}")
    stack.add(Certificate("Origin", domain_name=name, hosted_zone_id=asked[1]))
    to = balancer.load_balancer
    stack.add(AliasRecord("Origin", domain_name=name, hosted_zone_id=asked[1], load_balancer=to))
    assert findings(stack) == []
    made = properties_of(stack, "OriginCertificate")
    composed = {"Fn::Sub": "origin.${DomainName}"}
    assert made["DomainName"] == made["DomainValidationOptions"][0]["DomainName"] == composed
    assert properties_of(stack, "OriginAliasRecord")["Name"] == composed


@pytest.mark.row("MP-08")
def test_the_name_leads_to_the_distribution_over_ipv4_and_ipv6(stack_of, asked, findings):
    target = Parameter("DistributionName", Type="String", Description="Domain name of a distribution")
    record = DistributionRecord("Public", domain_name=asked[0], hosted_zone_id=asked[1], distribution=target.ref())
    stack = stack_of(asked, target, record)
    assert findings(stack) == []
    resources = to_dict(stack)["Resources"]
    records = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::Route53::RecordSet"}
    assert {name: record["Type"] for name, record in records.items()} == {
        "PublicAliasRecord": "A",
        "PublicAliasRecordIpv6": "AAAA",
    }
    for record in records.values():
        assert record["Name"] == {"Ref": "DomainName"}
        assert record["HostedZoneId"] == {"Ref": "HostedZoneId"}
        # Every distribution lies in this hosted zone, and Route 53 evaluates no health of one.
        assert record["AliasTarget"] == {
            "DNSName": {"Ref": "DistributionName"},
            "HostedZoneId": "Z2FDTNDATAQYW2",
            "EvaluateTargetHealth": False,
        }
