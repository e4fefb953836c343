"""A CloudFront distribution: a browser application's files, an API behind a load balancer, or both under one name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from troposphere import Select, Split, StackId, StackName, Sub, cloudfront

from blueprints.access import bucket_policies
from blueprints.components.frontend_bucket import FRONTEND_PATH, FrontendBucket
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.packaged import text_of

# AWS's own policies have the same ids in every account (CloudFront Developer Guide, "Use managed cache policies",
# "Use managed origin request policies", "Use managed response headers policies").
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"

# Names of functions and of origin access controls have 64 characters, of which a stack's own id and a dash take 37.
LONGEST_NAME = 64 - 37

# CloudFront, CustomOriginConfig, OriginReadTimeout.
MOST_READ_SECONDS = 120

# TLS 1.2 and 1.3 without the CBC ciphers of the older policies (Developer Guide, "Supported protocols and ciphers
# between viewers and CloudFront").
TLS_POLICY = "TLSv1.2_2021"

# CloudFront takes three sets of methods: these two, and GET with HEAD.
READING = ["GET", "HEAD", "OPTIONS"]
EVERY_METHOD = ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"]

# The function's code, below src/templates; CloudFront takes 10 kB of it.
FUNCTION = "cloudfront/single_page_application.js"

# Ids of the origins within a distribution.
FRONTEND, LOAD_BALANCER = "Frontend", "LoadBalancer"

# Names that CloudFront refuses as custom headers start with these (Developer Guide, "Custom headers that CloudFront
# can't add to origin requests").
REFUSED_HEADERS = ("x-amz-", "x-edge-")

PriceClass = Literal["PriceClass_100", "PriceClass_200", "PriceClass_All"]


class Distribution(Component):
    """A distribution with two behaviors: the application's files from a bucket, the API from a load balancer.

    One of the two may be missing; then the other answers everything.

    The application routes in the browser, so a CloudFront Function turns every path without an extension into
    /index.html, and the answer is 200. A custom error response would do that to every 403 and 404 of the distribution,
    so callers of the API would get a page where there is an error. A file that is missing stays an error (403, because
    CloudFront may not list the bucket).

    Files are cached for a day unless they say otherwise: upload index.html with ``Cache-Control: no-cache``, or
    invalidate it with each release. Without a certificate the name is CloudFront's own, and so is the TLS policy.

    There are no access logs: the old kind needs a bucket with ACLs, and the new kind is a delivery that has to stand in
    us-east-1 and name the distribution (`arn`), so in a stack after this one. The web ACL's log has every request.

    Args:
        name: first part of the logical ids, and of the names of the function and the origin access control.
        frontend_bucket: holds the application's files; None when a service behind the load balancer serves the pages.
        api_origin: domain name of the load balancer: its own, or with HTTPS one that its certificate names; None
            where the distribution has the application's files alone.
        origin_header: name and value of the header by which the load balancer's rules know this distribution; the
            value is a dynamic reference, so that no template shows it.
        origin_https: CloudFront talks HTTPS to the load balancer.
        web_acl_arn: ARN of a web ACL of scope CLOUDFRONT, or None for none.
        certificate_arn: ARN of a certificate in us-east-1 for the *aliases*.
        aliases: names that people use, each on one distribution only, in all accounts.
        api_paths: path patterns of the API, which go to the load balancer; without a bucket all others do too, as
            pages for people. None at all: all of it is an API, over HTTPS alone.
        price_class: the edge locations that answer; PriceClass_100 is North America, Europe and Israel.
        read_seconds: how long the load balancer may be silent, 1 to 120 seconds.

    Raises:
        SettingsError: no origin at all, a load balancer without the header that it knows, aliases without a
            certificate, or a name or number that CloudFront refuses.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        frontend_bucket: FrontendBucket | None,
        api_origin: Any | None = None,
        origin_header: tuple[str, Any] | None = None,
        origin_https: bool = False,
        web_acl_arn: Any | None = None,
        certificate_arn: Any | None = None,
        aliases: Sequence[Any] = (),
        api_paths: Sequence[str] = ("/api/*",),
        price_class: PriceClass = "PriceClass_100",
        read_seconds: int = 60,
    ) -> None:
        _check(name, read_seconds)
        if (api_origin is None) is not (origin_header is None):
            raise SettingsError(
                f"{name}: api_origin and origin_header belong together; give both: a load balancer knows us by a header"
            )
        self.frontend = None if frontend_bucket is None else _Frontend(name, frontend_bucket)
        config = _config()
        if api_origin is not None and origin_header is not None:
            _check_header(name, origin_header[0])
            balancer = _load_balancer(api_origin, origin_header, https=origin_https, read_seconds=read_seconds)
            _answer_from_balancer(config, balancer, api_paths)
        if self.frontend is not None:
            _answer_from_files(config, self.frontend)
        if not config.Origins:
            raise SettingsError(f"{name}: there is nothing to answer from; give frontend_bucket, api_origin or both")
        config.PriceClass = price_class
        config.ViewerCertificate = _viewer_certificate(name, certificate_arn, aliases)
        if aliases:
            config.Aliases = list(aliases)
        if web_acl_arn is not None:
            config.WebACLId = web_acl_arn
        self.distribution = because(
            "The one public name; edge locations answer near the viewer.",
            cloudfront.Distribution(f"{name}Distribution", DistributionConfig=config),
            mutable="review-required",
        )
        self.bucket_policy = None if frontend_bucket is None else frontend_bucket.readable_by(self.distribution)

    @property
    def id(self) -> Any:
        """The distribution's id, which invalidations and metrics name."""
        return self.distribution.ref()

    @property
    def arn(self) -> Any:
        """The distribution's ARN."""
        return bucket_policies.distribution_arn(self.distribution)

    @property
    def domain_name(self) -> Any:
        """The name that CloudFront gave it."""
        return self.distribution.get_att("DomainName")


class _Frontend(Component):
    """How a distribution reads the application's files: signed, and with the application's paths made one file."""

    def __init__(self, name: str, bucket: FrontendBucket) -> None:
        self._bucket = bucket
        # Both need a name, unique in the account in all Regions; the stack's own id makes it so.
        physical_name = Sub(f"{name}-${{Id}}", Id=Select(2, Split("/", StackId)))
        self.access_control = because(
            "Signs every request to the bucket, so that the bucket stays private.",
            cloudfront.OriginAccessControl(
                f"{name}OriginAccessControl",
                OriginAccessControlConfig=cloudfront.OriginAccessControlConfig(
                    Name=physical_name,
                    OriginAccessControlOriginType="s3",
                    SigningBehavior="always",
                    SigningProtocol="sigv4",
                ),
            ),
        )
        self.function = because(
            "The application routes in the browser: its paths are answered with index.html.",
            cloudfront.Function(
                f"{name}Function",
                Name=physical_name,
                AutoPublish=True,  # a distribution runs published functions only
                FunctionCode=text_of(FUNCTION),
                FunctionConfig=cloudfront.FunctionConfig(
                    Comment="Paths without an extension become /index.html", Runtime="cloudfront-js-2.0"
                ),
            ),
        )

    def origin(self) -> cloudfront.Origin:
        return cloudfront.Origin(
            Id=FRONTEND,
            DomainName=self._bucket.bucket.get_att("RegionalDomainName"),
            OriginPath=FRONTEND_PATH,
            OriginAccessControlId=self.access_control.ref(),
            # Tells S3 from other origins; empty, because the access control signs.
            S3OriginConfig=cloudfront.S3OriginConfig(OriginAccessIdentity=""),
        )

    def behavior(self) -> cloudfront.DefaultCacheBehavior:
        return cloudfront.DefaultCacheBehavior(
            TargetOriginId=FRONTEND,
            ViewerProtocolPolicy="redirect-to-https",
            AllowedMethods=READING,
            Compress=True,
            CachePolicyId=CACHING_OPTIMIZED,
            ResponseHeadersPolicyId=SECURITY_HEADERS,
            FunctionAssociations=[
                cloudfront.FunctionAssociation(
                    EventType="viewer-request", FunctionARN=self.function.get_att("FunctionARN")
                )
            ],
        )


def _config() -> cloudfront.DistributionConfig:
    return cloudfront.DistributionConfig(
        Comment=StackName, Enabled=True, HttpVersion="http2and3", IPV6Enabled=True, Origins=[]
    )


def _answer_from_balancer(
    config: cloudfront.DistributionConfig, balancer: cloudfront.Origin, api_paths: Sequence[str]
) -> None:
    passed_on: dict[str, Any] = {
        "TargetOriginId": LOAD_BALANCER,
        "AllowedMethods": EVERY_METHOD,
        "CachePolicyId": CACHING_DISABLED,
        # Beside pages the Host header is left out, so that it is the origin's name, which the load balancer's
        # certificate has. An API alone is told the public one and makes its links with it; the certificate needs one of
        # the two (CloudFront Developer Guide, "Requirements for using SSL/TLS certificates with CloudFront").
        "OriginRequestPolicyId": ALL_VIEWER_EXCEPT_HOST_HEADER if api_paths else ALL_VIEWER,
        "ResponseHeadersPolicyId": SECURITY_HEADERS,
    }
    config.Origins = [balancer]
    # A redirect would let a program send its token in the clear first, with every call and unnoticed; people's browsers
    # ask for pages, where there are any.
    policy = "redirect-to-https" if api_paths else "https-only"
    config.DefaultCacheBehavior = cloudfront.DefaultCacheBehavior(ViewerProtocolPolicy=policy, **passed_on)
    if api_paths:
        config.CacheBehaviors = [
            cloudfront.CacheBehavior(PathPattern=path, ViewerProtocolPolicy="https-only", **passed_on)
            for path in api_paths
        ]


def _answer_from_files(config: cloudfront.DistributionConfig, frontend: _Frontend) -> None:
    config.DefaultRootObject = "index.html"
    config.Origins = [frontend.origin(), *config.Origins]
    config.DefaultCacheBehavior = frontend.behavior()


def _load_balancer(domain_name: Any, header: tuple[str, Any], *, https: bool, read_seconds: int) -> cloudfront.Origin:
    config = cloudfront.CustomOriginConfig(
        OriginProtocolPolicy="https-only" if https else "http-only", OriginReadTimeout=read_seconds
    )
    if https:
        config.OriginSSLProtocols = ["TLSv1.2"]
    name, value = header
    return cloudfront.Origin(
        Id=LOAD_BALANCER,
        DomainName=domain_name,
        CustomOriginConfig=config,
        OriginCustomHeaders=[cloudfront.OriginCustomHeader(HeaderName=name, HeaderValue=value)],
    )


def _viewer_certificate(name: str, arn: Any | None, aliases: Sequence[Any]) -> cloudfront.ViewerCertificate:
    if arn is not None:
        return cloudfront.ViewerCertificate(
            AcmCertificateArn=arn, MinimumProtocolVersion=TLS_POLICY, SslSupportMethod="sni-only"
        )
    if aliases:
        raise SettingsError(
            f"{name}: aliases are given without a certificate for them; give certificate_arn, of a certificate in "
            "us-east-1, or no aliases"
        )
    return cloudfront.ViewerCertificate(CloudFrontDefaultCertificate=True)


def _check(name: str, read_seconds: int) -> None:
    if len(name) > LONGEST_NAME:
        raise SettingsError(
            f"{name}: the names of the function and the origin access control start with it and take {LONGEST_NAME} "
            "characters of it at most; shorten it"
        )
    if not 1 <= read_seconds <= MOST_READ_SECONDS:
        raise SettingsError(
            f"{name}: read_seconds is {read_seconds}; CloudFront waits 1 to {MOST_READ_SECONDS} seconds for an origin"
        )


def _check_header(name: str, header: str) -> None:
    if header.lower().startswith(REFUSED_HEADERS):
        raise SettingsError(
            f"{name}: CloudFront adds no header {header!r}; take a name that starts with none of "
            f"{', '.join(REFUSED_HEADERS)}"
        )
