"""What CloudFront takes from us-east-1 only: the web ACL before it, and the certificate of its public name."""

from __future__ import annotations

from blueprints.catalog._edge import edge_stack as stack_at_the_edge
from blueprints.catalog.mealprep.settings import Settings
from blueprints.model import parameters
from blueprints.model.stack import Stack

# What uploads and long texts run into: bodies of more than 8 KB, and bytes that look like code.
COUNTED = {"SizeRestrictions_BODY", "CrossSiteScripting_BODY", "GenericLFI_BODY"}


def edge_stack(settings: Settings) -> Stack | None:
    """Nothing at all where there is neither a web ACL nor a domain."""
    return stack_at_the_edge(
        settings,
        names={"Public": parameters.domain_name(settings.domain_name)} if settings.https == "domain" else {},
        hosted_zone_id=settings.hosted_zone_id,
        rate_limit=settings.waf_rate_limit if settings.waf else None,
        counted=COUNTED,
    )
