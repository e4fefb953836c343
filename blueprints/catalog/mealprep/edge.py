"""What CloudFront takes from us-east-1 only: the web ACL before it, and the certificate of its public name."""

from __future__ import annotations

from blueprints.catalog.mealprep.settings import EDGE_REGION, Settings
from blueprints.components.domain import Certificate
from blueprints.components.web_acl import WebAcl
from blueprints.model import parameters
from blueprints.model.stack import Stack

# What uploads and long texts run into: bodies of more than 8 KB, and bytes that look like code.
COUNTED = {"SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY"}


def edge_stack(settings: Settings) -> Stack | None:
    """Nothing at all where there is neither a web ACL nor a domain."""
    if not settings.waf and settings.https == "off":
        return None
    stack = Stack(
        "edge",
        settings,
        region=EDGE_REGION,
        description=f"Web ACL and certificate of {settings.project} {settings.environment}, for CloudFront",
        arch="CloudFront takes both from one Region only, wherever the application runs",
    )
    if settings.waf:
        acl = WebAcl(
            "Public",
            scope="CLOUDFRONT",
            count=COUNTED,
            rate_limit=settings.waf_rate_limit,
            log_retention_days=settings.log_retention_days,
        )
        stack.add(acl)
        stack.output("WebAclArn", acl.arn, "The web ACL that the distribution names")
    if settings.https == "domain":
        name = stack.add(parameters.domain_name(settings.domain_name))
        zone = stack.add(parameters.hosted_zone_id(settings.hosted_zone_id))
        certificate = stack.add(Certificate("Public", domain_name=name, hosted_zone_id=zone))
        stack.output("CertificateArn", certificate.arn, "The certificate of the public name")
    return stack
