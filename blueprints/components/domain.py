"""A public name: its certificate, and the records that lead to a load balancer or to CloudFront."""

from __future__ import annotations

from typing import Any

from troposphere import Parameter, certificatemanager, elasticloadbalancingv2, route53

from blueprints.model.component import Component
from blueprints.model.context import because

# The hosted zone of every distribution's name (Route 53 API Reference, "AliasTarget", HostedZoneId).
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"

FIVE_MINUTES = 300


class Certificate(Component):
    """A certificate that ACM validates by DNS and renews by itself.

    Without the hosted zone's id CloudFormation would wait, for days, for somebody to write the validation record.
    CloudFront takes certificates of us-east-1 only; a load balancer takes those of its own Region.

    Args:
        name: first part of the logical ids.
        domain_name: the name: a parameter, or what is made of one (``Sub("origin.${DomainName}")``).
        hosted_zone_id: the public zone that the name lies in.
    """

    def __init__(self, name: str, *, domain_name: Any, hosted_zone_id: Any) -> None:
        self.certificate = because(
            "Lets browsers trust the service; ACM renews it while the validation record stands.",
            certificatemanager.Certificate(
                f"{name}Certificate",
                DomainName=_value(domain_name),
                ValidationMethod="DNS",
                DomainValidationOptions=[
                    certificatemanager.DomainValidationOption(
                        DomainName=_value(domain_name), HostedZoneId=_value(hosted_zone_id)
                    )
                ],
            ),
            must=["The hosted zone is public and delegated"],
            mutable="change-with-constraints",
        )

    @property
    def arn(self) -> Any:
        """The certificate's ARN."""
        return self.certificate.ref()


class AliasRecord(Component):
    """The name in DNS that leads to a load balancer.

    Args:
        name: first part of the logical ids.
        domain_name: the name that people, or CloudFront, use: a parameter, or what is made of one.
        hosted_zone_id: the zone that the name lies in.
        load_balancer: where the name leads.
        dual_stack: the load balancer has IPv6 addresses too, so the name gets an AAAA record beside its A record.
    """

    def __init__(
        self,
        name: str,
        *,
        domain_name: Any,
        hosted_zone_id: Any,
        load_balancer: elasticloadbalancingv2.LoadBalancer,
        dual_stack: bool = False,
    ) -> None:
        target = route53.AliasTarget(
            DNSName=load_balancer.get_att("DNSName"),
            HostedZoneId=load_balancer.get_att("CanonicalHostedZoneID"),
            EvaluateTargetHealth=True,
        )
        self.record = because(
            "People use the name; where it leads may change. Alias queries cost nothing.",
            _alias(f"{name}AliasRecord", "A", domain_name, hosted_zone_id, target),
        )
        self.record_ipv6 = (
            because(
                "The same for those who come over IPv6.",
                _alias(f"{name}AliasRecordIpv6", "AAAA", domain_name, hosted_zone_id, target),
            )
            if dual_stack
            else None
        )


class DistributionRecord(Component):
    """The name in DNS that leads to a CloudFront distribution, over IPv4 and IPv6.

    The name has to be one of the distribution's aliases, and can be an alias of one distribution only, in all accounts.

    Args:
        name: first part of the logical ids.
        domain_name: the name that people use: a parameter, or what is made of one.
        hosted_zone_id: the zone that the name lies in.
        distribution: the distribution's own domain name.
    """

    def __init__(self, name: str, *, domain_name: Any, hosted_zone_id: Any, distribution: Any) -> None:
        # Route 53 evaluates no health of a distribution; True is refused.
        target = route53.AliasTarget(DNSName=distribution, HostedZoneId=CLOUDFRONT_ZONE, EvaluateTargetHealth=False)
        self.record = because(
            "People use the name; it leads to the nearest edge location. Alias queries cost nothing.",
            _alias(f"{name}AliasRecord", "A", domain_name, hosted_zone_id, target),
        )
        self.record_ipv6 = because(
            "The same for those who come over IPv6.",
            _alias(f"{name}AliasRecordIpv6", "AAAA", domain_name, hosted_zone_id, target),
        )


class NameRecord(Component):
    """The name in DNS that leads to another name, where an alias cannot: a load balancer that somebody else made.

    A CNAME cannot stand at the top of a zone (example.com), only below (api.example.com).

    Args:
        name: first part of the logical id.
        domain_name: the name that people use: a parameter, or what is made of one.
        hosted_zone_id: the zone that the name lies in.
        target: the name that it leads to.
    """

    def __init__(self, name: str, *, domain_name: Any, hosted_zone_id: Any, target: Any) -> None:
        self.record = because(
            "People use the name; where it leads may change, and is asked for anew after five minutes.",
            route53.RecordSetType(
                f"{name}NameRecord",
                Name=_value(domain_name),
                HostedZoneId=_value(hosted_zone_id),
                Type="CNAME",
                TTL=str(FIVE_MINUTES),
                ResourceRecords=[target],
            ),
            must=["The name is not the top of its zone"],
        )


def _alias(
    title: str, kind: str, domain_name: Any, hosted_zone_id: Any, target: route53.AliasTarget
) -> route53.RecordSetType:
    return route53.RecordSetType(
        title, Name=_value(domain_name), HostedZoneId=_value(hosted_zone_id), Type=kind, AliasTarget=target
    )


def _value(given: Any) -> Any:
    return given.ref() if isinstance(given, Parameter) else given
