"""The browser application: a private bucket, CloudFront before it, and the origins that may call the API."""

from __future__ import annotations

from typing import Any

from troposphere import Sub

from blueprints.catalog._edge import edge_stack as stack_at_the_edge
from blueprints.catalog._web_backend.settings import ApplicationSettings, LoadBalancedSettings
from blueprints.components.distribution import Distribution
from blueprints.components.domain import DistributionRecord
from blueprints.components.frontend_bucket import FrontendBucket
from blueprints.model import parameters
from blueprints.model.parameters import DOMAIN_PATTERN, StackParameter
from blueprints.model.stack import Stack

FRONTEND = "Frontend"


def edge_stack(settings: ApplicationSettings) -> Stack | None:
    """What CloudFront takes from us-east-1 only: certificates of its names, and the web ACL before the API."""
    names: dict[str, StackParameter] = {}
    rate_limit: int | None = None
    if isinstance(settings, LoadBalancedSettings) and settings.api_through_cloudfront:
        rate_limit = settings.waf_rate_limit if settings.waf else None
        if settings.https == "domain":
            names["Public"] = parameters.domain_name(settings.domain_name)
    if settings.frontend_domain_name:
        names[FRONTEND] = _frontend_name(settings)
    return stack_at_the_edge(settings, names=names, hosted_zone_id=settings.hosted_zone_id, rate_limit=rate_limit)


def add_frontend(stack: Stack, settings: ApplicationSettings, edge: Stack | None) -> Any:
    """The frontend, where there is one; the value of CORS_ORIGINS, which names it first."""
    if not settings.frontend:
        return ",".join(settings.cors_origins)
    named = edge is not None and f"{FRONTEND}CertificateArn" in edge.outputs
    name = stack.add(_frontend_name(settings)) if named else None
    bucket = stack.add(FrontendBucket(FRONTEND, versioned=settings.keep_data))
    distribution = stack.add(
        Distribution(
            FRONTEND,
            frontend_bucket=bucket,
            certificate_arn=stack.from_stack(edge, f"{FRONTEND}CertificateArn") if named and edge is not None else None,
            aliases=[] if name is None else [name.ref()],
            price_class=settings.price_class,
        )
    )
    if name is not None:
        zone = stack.parameters.get("HostedZoneId") or stack.add(parameters.hosted_zone_id(settings.hosted_zone_id))
        stack.add(
            DistributionRecord(FRONTEND, domain_name=name, hosted_zone_id=zone, distribution=distribution.domain_name)
        )
    of = f"${{{name.title}}}" if name is not None else f"${{{distribution.distribution.title}.DomainName}}"
    stack.output("FrontendUrl", Sub(f"https://{of}"), "Where the browser application is")
    stack.output("FrontendBucketName", bucket.name, "Copy the browser application to /frontend in it")
    stack.output("FrontendDistributionId", distribution.id, "Invalidate its cache after a release")
    return Sub(",".join([f"https://{of}", *settings.cors_origins]))


def publish_origins(stack: Stack, origins: Any) -> None:
    """Publish who may call the API from a browser, unless it is known without CloudFormation."""
    if not isinstance(origins, str):
        stack.output("CorsOrigins", origins, "Origins that may call the API from a browser")


def origins_from(stack: Stack, settings: ApplicationSettings, producer: Stack | None) -> Any:
    """The same, read in another stack."""
    if producer is None or "CorsOrigins" not in producer.outputs:
        return ",".join(settings.cors_origins)
    return stack.from_stack(producer, "CorsOrigins")


def _frontend_name(settings: ApplicationSettings) -> StackParameter:
    return StackParameter(
        "FrontendDomainName",
        group="Domain",
        label="Domain name of the frontend",
        description="Public name of the browser application, for example app.example.com",
        default=settings.frontend_domain_name,
        pattern=DOMAIN_PATTERN,
        constraint="A domain name in lower case with at least one dot, without a trailing dot",
    )
