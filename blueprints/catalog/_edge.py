"""What stands at CloudFront's edge: names with their certificates, and the web ACL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from troposphere import Sub

from blueprints.components.distribution import Distribution
from blueprints.components.domain import AliasRecord, Certificate, DistributionRecord
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.web_acl import WebAcl
from blueprints.model import parameters
from blueprints.model.parameters import StackParameter
from blueprints.model.settings import Settings
from blueprints.model.stack import Stack

# CloudFront takes certificates and web ACLs of this Region only (CloudFront Developer Guide, "Requirements for using
# SSL/TLS certificates with CloudFront"; AWS WAF Developer Guide, scope CLOUDFRONT).
EDGE_REGION = "us-east-1"


def edge_stack(
    settings: Settings,
    *,
    names: Mapping[str, StackParameter],
    hosted_zone_id: str | None,
    rate_limit: int | None,
    counted: Collection[str] = (),
) -> Stack | None:
    """Certificates of these names and a web ACL; nothing at all where there is neither.

    Args:
        settings: decides tags and names.
        names: first part of a certificate's logical id and output, with the parameter that asks for its name.
        hosted_zone_id: default of the parameter HostedZoneId.
        rate_limit: of the web ACL; None for no web ACL.
        counted: rules of the web ACL that only count.
    """
    if not names and rate_limit is None:
        return None
    stack = Stack(
        "edge",
        settings,
        region=EDGE_REGION,
        description=f"Web ACL and certificate of {settings.project} {settings.environment}, for CloudFront",
        arch="CloudFront takes both from one Region only, wherever the application runs",
    )
    if rate_limit is not None:
        acl = WebAcl(
            "Public",
            scope="CLOUDFRONT",
            count=counted,
            rate_limit=rate_limit,
            log_retention_days=settings.log_retention_days,
        )
        stack.add(acl)
        stack.output("WebAclArn", acl.arn, "The web ACL that the distribution names")
    for name, parameter in names.items():
        asked = stack.add(parameter)
        zone = stack.parameters.get("HostedZoneId") or stack.add(parameters.hosted_zone_id(hosted_zone_id))
        certificate = stack.add(Certificate(name, domain_name=asked, hosted_zone_id=zone))
        of = "" if name == "Public" else name
        stack.output(f"{of}CertificateArn", certificate.arn, "The certificate of the public name")
    return stack


class OriginNames:
    """The public name and the load balancer's own, with a certificate for each, where there is a domain."""

    def __init__(self, stack: Stack, *, https: bool, domain_name: str | None, hosted_zone_id: str | None) -> None:
        self._stack = stack
        self.public: Any | None = None
        self.origin: Any | None = None
        self.origin_certificate: Any | None = None
        if https:
            name = stack.add(parameters.domain_name(domain_name))
            self._zone = stack.add(parameters.hosted_zone_id(hosted_zone_id))
            self.public, self.origin = name.ref(), Sub(f"origin.${{{name.title}}}")
            certificate = Certificate("Origin", domain_name=self.origin, hosted_zone_id=self._zone)
            self.origin_certificate = stack.add(certificate).arn

    def lead_to(self, balancer: LoadBalancer, distribution: Distribution) -> None:
        """Write the records: the public name leads to CloudFront, the origin's to the load balancer."""
        if self.public is None:
            return
        self._stack.add(
            [
                DistributionRecord(
                    "Public",
                    domain_name=self.public,
                    hosted_zone_id=self._zone,
                    distribution=distribution.domain_name,
                ),
                AliasRecord(
                    "Origin",
                    domain_name=self.origin,
                    hosted_zone_id=self._zone,
                    load_balancer=balancer.load_balancer,
                ),
            ]
        )
