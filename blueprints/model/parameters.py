"""Parameters: what is known only when a stack is deployed, checked by CloudFormation before anything is made."""

from __future__ import annotations

from collections.abc import Sequence

from troposphere import Parameter

DOMAIN_PATTERN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"


# Ids of the managed prefix list com.amazonaws.global.cloudfront.origin-facing; each Region has its own, and every
# account the same. Collected in several public projects that took them from the AWS Networking & Content Delivery Blog,
# "Limit access to your origins using the AWS-managed prefix list for Amazon CloudFront", and agree on these. Other
# Regions are asked for; a wrong default would open the load balancer to nobody, or be refused.
CLOUDFRONT_PREFIX_LISTS = {
    "ap-northeast-1": "pl-58a04531",
    "ap-northeast-2": "pl-22a6434b",
    "ap-southeast-1": "pl-31a34658",
    "ap-southeast-2": "pl-b8a742d1",
    "ca-central-1": "pl-38a64351",
    "eu-central-1": "pl-a3a144ca",
    "eu-north-1": "pl-fab65393",
    "eu-west-1": "pl-4fa04526",
    "eu-west-2": "pl-93a247fa",
    "eu-west-3": "pl-75b1541c",
    "sa-east-1": "pl-5da64334",
    "us-east-1": "pl-3b927c52",
    "us-east-2": "pl-b6a144df",
    "us-west-1": "pl-4ea04527",
    "us-west-2": "pl-82a045eb",
}


class StackParameter(Parameter):
    """A troposphere parameter that knows its label and its group on the console's form."""

    group: str
    label: str

    def __init__(  # noqa: PLR0913 - these are CloudFormation's own attributes of a parameter
        self,
        title: str,
        *,
        group: str,
        label: str,
        description: str,
        type: str = "String",  # noqa: A002 - CloudFormation's name
        default: str | int | None = None,
        pattern: str | None = None,
        allowed: Sequence[str | int] | None = None,
        minimum: int | None = None,
        maximum: int | None = None,
        constraint: str | None = None,
    ) -> None:
        object.__setattr__(self, "group", group)
        object.__setattr__(self, "label", label)
        given = {
            "Default": default,
            "AllowedPattern": pattern,
            "AllowedValues": None if allowed is None else list(allowed),
            "MinValue": minimum,
            "MaxValue": maximum,
            "ConstraintDescription": constraint,
        }
        super().__init__(
            title,
            Type=type,
            Description=description,
            **{name: value for name, value in given.items() if value is not None},
        )


def image_tag(repository: str) -> StackParameter:
    """Which image of the repository runs; no default, because a deployment names what it deploys."""
    return StackParameter(
        "ImageTag",
        group="Image",
        label="Image tag",
        description=f"Tag of the image in the ECR repository {repository}, for example a commit id",
        pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$",
        constraint="A tag as ECR accepts it: letters, digits, dots, dashes and underscores, 128 at most",
    )


def stack_name(producer: str, default: str) -> StackParameter:
    """Where the outputs of another stack are read."""
    return StackParameter(
        f"{producer.title().replace('-', '')}StackName",
        group="Other stacks",
        label=f"Stack with the {producer} outputs",
        description=f"Name of the {producer} stack whose outputs this stack reads",
        default=default,
        pattern=r"^[a-zA-Z][a-zA-Z0-9-]{0,127}$",
        constraint="A stack name: letters, digits and dashes, first a letter, 128 at most",
    )


def domain_name(default: str | None) -> StackParameter:
    """The public name of the service."""
    return StackParameter(
        "DomainName",
        group="Domain",
        label="Domain name",
        description="Public name of the service, for example app.example.com",
        default=default,
        pattern=DOMAIN_PATTERN,
        constraint="A domain name in lower case with at least one dot, without a trailing dot",
    )


def hosted_zone_id(default: str | None) -> StackParameter:
    """The public hosted zone that the certificate is validated in and the name is written to."""
    return StackParameter(
        "HostedZoneId",
        group="Domain",
        label="Hosted zone",
        description="Id of the domain's public Route 53 hosted zone; it must be delegated, or validation never ends",
        type="AWS::Route53::HostedZone::Id",
        default=default,
    )


def certificate_arn(default: str | None) -> StackParameter:
    """A certificate that exists in the stack's Region."""
    return StackParameter(
        "CertificateArn",
        group="Domain",
        label="Certificate",
        description="ARN of an issued ACM certificate in this Region",
        default=default,
        pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$",
        constraint="The ARN of a certificate in AWS Certificate Manager",
    )


def cloudfront_prefix_list(region: str) -> StackParameter:
    """The addresses that CloudFront calls origins from, as *region* knows them; required where the id is not known.

    ``aws ec2 describe-managed-prefix-lists --filters
    Name=prefix-list-name,Values=com.amazonaws.global.cloudfront.origin-facing`` tells it.
    """
    return StackParameter(
        "CloudFrontPrefixListId",
        group="Network",
        label="Prefix list of CloudFront",
        description=f"Id of the managed prefix list com.amazonaws.global.cloudfront.origin-facing in {region}",
        default=CLOUDFRONT_PREFIX_LISTS.get(region),
        pattern=r"^pl-[0-9a-f]+$",
        constraint="The id of a managed prefix list, pl- and hexadecimal digits",
    )


def function_arn(title: str, purpose: str) -> StackParameter:
    """A Lambda function that exists in the stack's Region."""
    return StackParameter(
        title,
        group="Functions",
        label=f"Function that {purpose}",
        description=f"ARN of the Lambda function that {purpose}",
        pattern=r"^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$",
        constraint="The ARN of a Lambda function, with or without a version or an alias",
    )


def number(  # noqa: PLR0913 - a number has bounds, a default and words for a person
    title: str, *, group: str, label: str, description: str, default: int, minimum: int, maximum: int
) -> StackParameter:
    """A whole number within bounds."""
    return StackParameter(
        title,
        group=group,
        label=label,
        description=description,
        type="Number",
        default=default,
        minimum=minimum,
        maximum=maximum,
        constraint=f"A whole number from {minimum} to {maximum}",
    )
