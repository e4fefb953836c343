from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from troposphere import Parameter, Ref, Sub, secretsmanager

from blueprints.components.distribution import Distribution
from blueprints.components.domain import DistributionRecord
from blueprints.components.frontend_bucket import FrontendBucket
from blueprints.model import parameters
from blueprints.model.context import because
from blueprints.model.errors import SettingsError
from blueprints.model.packaged import text_of
from blueprints.render.template import to_dict

pytestmark = pytest.mark.row("MP-08")

FUNCTION = "cloudfront/single_page_application.js"
HEADER = ("X-Origin-Verify", Sub("{{resolve:secretsmanager:${OriginSecret}}}"))
NAMED = {"certificate_arn": Ref("CertificateArn"), "aliases": [Ref("DomainName")]}


def distribution(bucket, **options):
    options = {
        "api_origin": "origin.example.com",
        "origin_header": HEADER,
        "origin_https": True,
        "web_acl_arn": Ref("WebAclArn"),
        **options,
    }
    return Distribution("Web", frontend_bucket=bucket, **options)


def origin_secret():
    generated = secretsmanager.GenerateSecretString(ExcludePunctuation=True, PasswordLength=40)
    secret = secretsmanager.Secret("OriginSecret", Description="The header's value", GenerateSecretString=generated)
    return because("The load balancer's rules know the distribution by it.", secret)


@pytest.fixture
def made(stack_of):
    """A stack with a distribution of these options, and a bucket unless a service serves the pages."""

    def make(*, pages="bucket", keep_data=False, **options):
        bucket = FrontendBucket("Frontend", versioned=keep_data) if pages == "bucket" else None
        web = distribution(bucket, **options)
        return stack_of(origin_secret(), bucket or [], web, keep_data=keep_data, region="us-west-2")

    return make


@pytest.fixture
def config_of(made, properties_of):
    return lambda **options: properties_of(made(**options), "WebDistribution")["DistributionConfig"]


def test_logical_ids_are_a_promise():
    bucket = FrontendBucket("Frontend", versioned=True)
    assert [resource.title for resource in bucket.resources()] == ["FrontendBucket"]
    assert [resource.title for resource in distribution(bucket).resources()] == [
        "WebOriginAccessControl",
        "WebFunction",
        "WebDistribution",
        "FrontendBucketPolicy",
    ]
    assert [resource.title for resource in distribution(None).resources()] == ["WebDistribution"]


KEEP = pytest.mark.parametrize("keep", [False, True])
PAGES = pytest.mark.parametrize("pages", ["bucket", "service"])


@KEEP
@PAGES
def test_no_linter_finds_anything(made, findings, keep, pages):
    assert findings(made(pages=pages, keep_data=keep, web_acl_arn=None, origin_https=False)) == []


@KEEP
@PAGES
def test_no_linter_finds_anything_in_one_with_a_name(made, findings, keep, pages):
    stack = made(pages=pages, keep_data=keep, **NAMED)
    for name in ("WebAclArn", "CertificateArn"):
        stack.add(Parameter(name, Type="String", Description="An ARN of us-east-1"))
    name, zone = stack.add(parameters.domain_name("app.example.com")), stack.add(parameters.hosted_zone_id(None))
    target = stack.resources["WebDistribution"].get_att("DomainName")
    stack.add(DistributionRecord("Web", domain_name=name, hosted_zone_id=zone, distribution=target))
    assert findings(stack) == []


def test_the_applications_files_are_read_only_compressed_and_over_tls(config_of):
    config = config_of()
    behavior = config["DefaultCacheBehavior"]
    assert behavior["AllowedMethods"] == ["GET", "HEAD", "OPTIONS"]
    assert (behavior["Compress"], behavior["ViewerProtocolPolicy"]) == (True, "redirect-to-https")
    assert config["DefaultRootObject"] == "index.html"
    # AWS's ids of Managed-CachingOptimized and Managed-SecurityHeadersPolicy.
    assert behavior["CachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6"
    assert behavior["ResponseHeadersPolicyId"] == "67f7725c-6f97-4210-82d7-5512b31e9d03"


def test_the_bucket_is_read_with_signed_requests(made, config_of, properties_of):
    origin = config_of()["Origins"][0]
    assert origin["DomainName"] == {"Fn::GetAtt": ["FrontendBucket", "RegionalDomainName"]}
    assert (origin["OriginPath"], origin["S3OriginConfig"]) == ("/frontend", {"OriginAccessIdentity": ""})
    assert origin["OriginAccessControlId"] == {"Ref": "WebOriginAccessControl"}
    control = properties_of(made(), "WebOriginAccessControl")["OriginAccessControlConfig"]
    assert (control["SigningBehavior"], control["SigningProtocol"]) == ("always", "sigv4")
    assert control["OriginAccessControlOriginType"] == "s3"


def test_only_this_distribution_reads_and_only_the_frontend(made, properties_of):
    policies = [one for one in to_dict(made())["Resources"].values() if one["Type"] == "AWS::S3::BucketPolicy"]
    assert len(policies) == 1
    read, refuse = policies[0]["Properties"]["PolicyDocument"]["Statement"]
    assert (read["Action"], read["Principal"]) == (["s3:GetObject"], {"Service": ["cloudfront.amazonaws.com"]})
    assert read["Resource"] == [{"Fn::Sub": "${FrontendBucket.Arn}/frontend/*"}]
    arn = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${WebDistribution}"
    assert read["Condition"] == {"StringEquals": {"aws:SourceArn": {"Fn::Sub": arn}}}
    assert (refuse["Effect"], refuse["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


@pytest.mark.parametrize("versioned", [False, True])
def test_the_frontends_bucket_is_private_and_its_live_files_never_expire(stack_of, properties_of, versioned):
    bucket = properties_of(stack_of(FrontendBucket("Frontend", versioned=versioned)), "FrontendBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert ("VersioningConfiguration" in bucket) is versioned
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert "WebsiteConfiguration" not in bucket
    assert [sorted(rule) for rule in bucket["LifecycleConfiguration"]["Rules"]] == [
        ["AbortIncompleteMultipartUpload", "Id", "NoncurrentVersionExpiration", "Status"]
    ]


def test_errors_of_the_api_are_not_hidden_behind_the_application(config_of):
    assert "CustomErrorResponses" not in config_of()


def test_the_function_is_published_and_asked_before_the_cache(made, properties_of, config_of):
    function = properties_of(made(), "WebFunction")
    assert function["AutoPublish"] is True
    assert function["FunctionConfig"]["Runtime"] == "cloudfront-js-2.0"
    assert function["FunctionCode"] == text_of(FUNCTION)
    assert len(text_of(FUNCTION).encode()) < 10 * 1024
    (association,) = config_of()["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association == {
        "EventType": "viewer-request",
        "FunctionARN": {"Fn::GetAtt": ["WebFunction", "FunctionARN"]},
    }


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("/", "/index.html"),
        ("/recipes", "/index.html"),
        ("/recipes/7/", "/index.html"),
        ("/v1.2/recipes", "/index.html"),
        ("/index.html", "/index.html"),
        ("/assets/app.4f2c.js", "/assets/app.4f2c.js"),
        ("/favicon.ico", "/favicon.ico"),
        ("/.well-known/apple-app-site-association", "/.well-known/apple-app-site-association"),
    ],
)
def test_paths_of_the_application_become_its_one_page_and_files_stay_files(asked, answered):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here to run the function with")
    event = {"request": {"method": "GET", "uri": asked, "querystring": {"q": {"value": "soup"}}, "headers": {}}}
    script = f"{text_of(FUNCTION)}\nconsole.log(JSON.stringify(handler({json.dumps(event)})))"
    finished = subprocess.run([node, "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout) == {**event["request"], "uri": answered}


# The API


@pytest.mark.row("MP-09")
def test_the_api_takes_every_method_and_is_never_cached(config_of):
    (behavior,) = config_of()["CacheBehaviors"]
    assert (behavior["PathPattern"], behavior["TargetOriginId"]) == ("/api/*", "LoadBalancer")
    assert sorted(behavior["AllowedMethods"]) == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert behavior["ViewerProtocolPolicy"] == "https-only"
    # AWS's ids of Managed-CachingDisabled and Managed-AllViewerExceptHostHeader.
    assert behavior["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert behavior["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert "FunctionAssociations" not in behavior
    paths = ["/api/*", "/health"]
    assert [one["PathPattern"] for one in config_of(api_paths=paths)["CacheBehaviors"]] == paths


@pytest.mark.row("MP-09")
def test_the_load_balancer_is_shown_a_header_that_no_template_shows(config_of):
    balancer = config_of()["Origins"][1]
    assert balancer["OriginCustomHeaders"] == [
        {
            "HeaderName": "X-Origin-Verify",
            "HeaderValue": {"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}}}"},
        }
    ]


@pytest.mark.row("MP-09")
def test_the_load_balancer_is_asked_over_tls_where_it_has_a_certificate(config_of):
    with_tls = config_of(origin_https=True)["Origins"][1]["CustomOriginConfig"]
    assert with_tls == {
        "OriginProtocolPolicy": "https-only",
        "OriginReadTimeout": 60,
        "OriginSSLProtocols": ["TLSv1.2"],
    }
    without = config_of(origin_https=False, read_seconds=120)["Origins"][1]["CustomOriginConfig"]
    assert without == {"OriginProtocolPolicy": "http-only", "OriginReadTimeout": 120}


@pytest.mark.row("MP-09")
def test_the_web_acl_is_named_by_the_distribution(config_of):
    assert config_of()["WebACLId"] == {"Ref": "WebAclArn"}
    assert "WebACLId" not in config_of(web_acl_arn=None)


@pytest.mark.row("MP-11")
def test_a_web_service_gets_the_pages_from_the_load_balancer_too(config_of):
    config = config_of(pages="service")
    assert [origin["Id"] for origin in config["Origins"]] == ["LoadBalancer"]
    behavior = config["DefaultCacheBehavior"]
    assert (behavior["TargetOriginId"], behavior["ViewerProtocolPolicy"]) == ("LoadBalancer", "redirect-to-https")
    assert "POST" in behavior["AllowedMethods"]
    assert "FunctionAssociations" not in behavior
    assert "DefaultRootObject" not in config


# Its name


def test_people_come_over_ipv6_and_the_newest_http(config_of):
    config = config_of()
    assert (config["HttpVersion"], config["IPV6Enabled"], config["Enabled"]) == ("http2and3", True, True)
    assert config["PriceClass"] == "PriceClass_100"
    assert config_of(price_class="PriceClass_All")["PriceClass"] == "PriceClass_All"


def test_a_name_of_ones_own_speaks_tls_1_2_or_later(config_of):
    config = config_of(**NAMED)
    assert config["Aliases"] == [{"Ref": "DomainName"}]
    assert config["ViewerCertificate"] == {
        "AcmCertificateArn": {"Ref": "CertificateArn"},
        "MinimumProtocolVersion": "TLSv1.2_2021",
        "SslSupportMethod": "sni-only",
    }
    plain = config_of()
    assert plain["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}
    assert "Aliases" not in plain


def test_it_tells_its_name_id_and_arn():
    web = distribution(None)
    assert web.id.to_dict() == {"Ref": "WebDistribution"}
    assert web.domain_name.to_dict() == {"Fn::GetAtt": ["WebDistribution", "DomainName"]}
    assert web.arn.to_dict()["Fn::Sub"].endswith(":distribution/${WebDistribution}")


def test_two_stacks_of_one_account_name_their_functions_apart(made, properties_of):
    name = properties_of(made(), "WebFunction")["Name"]
    # The id in the stack's ARN: arn:aws:cloudformation:Region:account:stack/name/id
    identity = {"Fn::Select": [2, {"Fn::Split": ["/", {"Ref": "AWS::StackId"}]}]}
    assert name == {"Fn::Sub": ["Web-${Id}", {"Id": identity}]}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"aliases": ["app.example.com"]}, "without a certificate"),
        ({"origin_header": ("X-Amz-Verify", "secret")}, "x-amz-, x-edge-"),
        ({"read_seconds": 0}, "waits 1 to 120 seconds"),
        ({"read_seconds": 121}, "waits 1 to 120 seconds"),
    ],
)
def test_what_cloudfront_refuses_is_refused_here(options, said):
    with pytest.raises(SettingsError, match=said):
        distribution(None, **options)


def test_a_name_too_long_for_its_function_is_refused():
    with pytest.raises(SettingsError, match="take 27 characters"):
        Distribution(
            "W" * 28, frontend_bucket=None, api_origin="a", origin_header=HEADER, origin_https=True, web_acl_arn=None
        )


def test_files_alone_are_answered_without_a_load_balancer(config_of):
    config = config_of(api_origin=None, origin_header=None, origin_https=False)
    assert [origin["Id"] for origin in config["Origins"]] == ["Frontend"]
    assert "CacheBehaviors" not in config
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == "Frontend"


def test_an_api_alone_is_answered_by_the_load_balancer_over_https_only(config_of):
    config = config_of(pages="service", api_paths=())
    assert [origin["Id"] for origin in config["Origins"]] == ["LoadBalancer"]
    assert "CacheBehaviors" not in config
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    all_viewer = "216adef6-5c7f-47e4-b989-5492eafa07d3"  # with the Host header: links lead to the public name
    assert config["DefaultCacheBehavior"]["OriginRequestPolicyId"] == all_viewer


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"api_origin": None, "origin_header": None}, "nothing to answer from"),
        ({"origin_header": None}, "belong together"),
        ({"api_origin": None}, "belong together"),
    ],
)
def test_a_distribution_without_an_origin_or_with_half_of_one_is_refused(options, said):
    with pytest.raises(SettingsError, match=said):
        distribution(None, **options)
