from __future__ import annotations

import pytest
from troposphere import Ref
from troposphere import elasticloadbalancingv2 as elb

from blueprints.components.bucket import AccessLogBucket
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.network import Network
from blueprints.components.origin_secret import OriginSecret
from blueprints.components.target_group import HealthCheck, TargetGroup
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict
from tests.support.service import CERTIFICATE

pytestmark = [pytest.mark.row("CA-02"), pytest.mark.row("FR-07")]

SECURE = {"certificate": Ref("CertificateArn")}


@pytest.fixture
def behind(stack_of):
    """A stack with a load balancer made of these options, and the load balancer."""

    def make(*, logs=None, **options):
        stack = stack_of(CERTIFICATE) if "certificate" in options else stack_of()
        network = Network.existing(stack, egress="public")
        targets = stack.add(TargetGroup("Api", network=network, port=8000, health_check=HealthCheck()))
        if logs:
            options["access_logs"] = stack.add(logs)
        balancer = LoadBalancer("Public", network=network, targets=targets, **options)
        return stack.add(balancer), stack

    return make


def resources(stack):
    return to_dict(stack)["Resources"]


def attributes(stack):
    made = resources(stack)["PublicLoadBalancer"]["Properties"]["LoadBalancerAttributes"]
    return {attribute["Key"]: attribute["Value"] for attribute in made}


def test_logical_ids_are_a_promise(behind):
    plain, secure = behind()[0], behind(**SECURE)[0]
    assert [resource.title for resource in plain.resources()] == [
        "PublicSecurityGroup",
        "PublicLoadBalancer",
        "ClientsToPublicOn80Ingress",
        "PublicHttpListener",
    ]
    assert [resource.title for resource in secure.resources()][2:] == [
        "ClientsToPublicOn80Ingress",
        "ClientsToPublicOn443Ingress",
        "PublicHttpsListener",
        "PublicHttpListener",
    ]


@pytest.mark.parametrize(
    "options",
    [{}, SECURE, {"dual_stack": True, "idle_seconds": 120, **SECURE}],
    ids=["http", "https", "dual-stack"],
)
def test_no_linter_finds_anything(behind, findings, options):
    logs = AccessLogBucket("AccessLog", expire_after_days=30)
    assert findings(behind(logs=logs, protect=True, **options)[1]) == []


def test_it_faces_the_internet_from_public_subnets(behind):
    made = resources(behind()[1])["PublicLoadBalancer"]["Properties"]
    assert (made["Scheme"], made["Type"]) == ("internet-facing", "application")
    assert made["Subnets"] == {"Ref": "PublicSubnetIds"}
    assert made["SecurityGroups"] == [{"Fn::GetAtt": ["PublicSecurityGroup", "GroupId"]}]


def test_without_a_certificate_http_goes_to_the_targets(behind):
    balancer, stack = behind()
    listener = resources(stack)["PublicHttpListener"]["Properties"]
    assert (listener["Port"], listener["Protocol"]) == (80, "HTTP")
    assert listener["DefaultActions"] == [{"Type": "forward", "Order": 1, "TargetGroupArn": {"Ref": "ApiTargetGroup"}}]
    assert balancer.listener.title == "PublicHttpListener"
    assert balancer.redirect is None


@pytest.mark.row("CA-13")
def test_with_a_certificate_https_goes_to_the_targets_and_http_to_https(behind):
    balancer, stack = behind(**SECURE)
    made = resources(stack)
    https, http = made["PublicHttpsListener"]["Properties"], made["PublicHttpListener"]["Properties"]
    assert (https["Port"], https["Protocol"]) == (443, "HTTPS")
    assert https["Certificates"] == [{"CertificateArn": {"Ref": "CertificateArn"}}]
    assert https["DefaultActions"][0]["Type"] == "forward"
    assert http["DefaultActions"] == [
        {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
    ]
    assert balancer.listener.title == "PublicHttpsListener"


@pytest.mark.row("CA-13")
def test_https_speaks_tls_1_2_and_1_3_only(behind):
    policy = resources(behind(**SECURE)[1])["PublicHttpsListener"]["Properties"]["SslPolicy"]
    assert policy.startswith("ELBSecurityPolicy-TLS13-1-2-")


@pytest.mark.row("CA-14")
def test_sign_in_comes_before_the_targets(behind):
    check = elb.Action(Type="fixed-response", Order=1, FixedResponseConfig=elb.FixedResponseConfig(StatusCode="401"))
    actions = resources(behind(before=[check], **SECURE)[1])["PublicHttpsListener"]["Properties"]["DefaultActions"]
    assert [(action["Type"], action["Order"]) for action in actions] == [("fixed-response", 1), ("forward", 2)]


@pytest.mark.row("CA-09")
@pytest.mark.parametrize(("options", "ports"), [({}, [80]), (SECURE, [80, 443])], ids=["http", "https"])
def test_clients_come_in_where_it_listens_and_nowhere_else(behind, options, ports):
    made = resources(behind(clients="203.0.113.0/24", **options)[1])
    rules = [r["Properties"] for r in made.values() if r["Type"] == "AWS::EC2::SecurityGroupIngress"]
    assert [(rule["CidrIp"], rule["FromPort"], rule["ToPort"]) for rule in rules] == [
        ("203.0.113.0/24", port, port) for port in ports
    ]
    assert not [r for r in made.values() if r["Type"] == "AWS::EC2::SecurityGroupEgress"]


def ingress(stack):
    return {t: r["Properties"] for t, r in resources(stack).items() if r["Type"] == "AWS::EC2::SecurityGroupIngress"}


@pytest.mark.row("RC-06")
def test_with_dual_stack_everyone_may_come_over_ipv6_as_well(behind):
    stack = behind(dual_stack=True, **SECURE)[1]
    assert resources(stack)["PublicLoadBalancer"]["Properties"]["IpAddressType"] == "dualstack"
    rules = ingress(stack)
    assert list(rules) == [
        "ClientsToPublicOn80Ingress",
        "ClientsToPublicOn443Ingress",
        "ClientsToPublicOn80Ipv6Ingress",
        "ClientsToPublicOn443Ipv6Ingress",
    ]
    assert [
        (rule.get("CidrIp"), rule.get("CidrIpv6"), rule["FromPort"], rule["ToPort"]) for rule in rules.values()
    ] == [
        ("0.0.0.0/0", None, 80, 80),
        ("0.0.0.0/0", None, 443, 443),
        (None, "::/0", 80, 80),
        (None, "::/0", 443, 443),
    ]


@pytest.mark.parametrize("clients", ["203.0.113.0/24", Ref("ClientRange")], ids=["range", "parameter"])
def test_with_dual_stack_a_narrower_range_of_clients_keeps_ipv6_closed(behind, clients):
    stack = behind(dual_stack=True, clients=clients)[1]
    assert resources(stack)["PublicLoadBalancer"]["Properties"]["IpAddressType"] == "dualstack"
    assert list(ingress(stack)) == ["ClientsToPublicOn80Ingress"]


def test_without_dual_stack_it_speaks_ipv4(behind):
    stack = behind()[1]
    assert resources(stack)["PublicLoadBalancer"]["Properties"]["IpAddressType"] == "ipv4"
    assert not [rule for rule in ingress(stack).values() if "CidrIpv6" in rule]


# Behind CloudFront

CLOUDFRONT = {"prefix_list": "pl-82a045eb"}
FORWARD = {"Type": "forward", "Order": 1, "TargetGroupArn": {"Ref": "ApiTargetGroup"}}


@pytest.fixture
def behind_cloudfront(behind):
    """A load balancer that takes requests of one distribution only, and its stack."""

    def make(*, generation=1, **options):
        secret = OriginSecret("Origin", generation=generation)
        balancer, stack = behind(only_with=secret.accepted, **CLOUDFRONT, **options)
        stack.add(secret)
        return balancer, stack

    return make


@pytest.mark.row("MP-02")
@pytest.mark.row("MP-09")
@pytest.mark.parametrize(
    ("options", "port", "listener"), [({}, 80, "PublicHttpListener"), (SECURE, 443, "PublicHttpsListener")]
)
def test_behind_cloudfront_its_addresses_come_in_on_the_one_port_that_listens(behind, options, port, listener):
    # The prefix list counts as 55 rules of 60: a second port would be refused.
    balancer, stack = behind(dual_stack=True, **CLOUDFRONT, **options)
    rules = ingress(stack)
    assert list(rules) == [f"CloudFrontToPublicOn{port}Ingress"]
    (rule,) = rules.values()
    assert (rule["SourcePrefixListId"], rule["FromPort"], rule["ToPort"]) == ("pl-82a045eb", port, port)
    assert not {"CidrIp", "CidrIpv6"} & rule.keys()
    assert [t for t, r in resources(stack).items() if r["Type"].endswith("::Listener")] == [listener]
    assert balancer.redirect is None


@pytest.mark.row("MP-09")
def test_behind_cloudfront_it_faces_the_internet_from_public_subnets(behind_cloudfront):
    made = resources(behind_cloudfront(**SECURE)[1])["PublicLoadBalancer"]["Properties"]
    assert (made["Scheme"], made["Subnets"]) == ("internet-facing", {"Ref": "PublicSubnetIds"})


@pytest.mark.row("MP-09")
@pytest.mark.parametrize(("options", "kind"), [({}, "Http"), (SECURE, "Https")])
def test_requests_without_the_header_are_refused_and_those_with_it_forwarded(behind_cloudfront, options, kind):
    balancer, stack = behind_cloudfront(**options)
    made = resources(stack)
    assert made[f"Public{kind}Listener"]["Properties"]["DefaultActions"] == [
        {
            "Type": "fixed-response",
            "FixedResponseConfig": {"StatusCode": "403", "ContentType": "text/plain", "MessageBody": "Forbidden"},
        }
    ]
    rule = made["PublicVerifiedRule"]["Properties"]
    assert (rule["ListenerArn"], rule["Priority"]) == ({"Ref": f"Public{kind}Listener"}, 50_000)
    assert rule["Conditions"] == [
        {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}},
        {
            "Field": "http-header",
            "HttpHeaderConfig": {
                "HttpHeaderName": "X-Origin-Verify",
                "Values": [{"Fn::Sub": "{{resolve:secretsmanager:${OriginSecret}:SecretString}}"}],
            },
        },
    ]
    assert rule["Actions"] == [FORWARD]
    assert balancer.verified.title == "PublicVerifiedRule"


@pytest.mark.row("MP-09")
@pytest.mark.parametrize("options", [{}, SECURE, {"generation": 2, **SECURE}], ids=["http", "https", "rotated"])
def test_no_linter_finds_anything_behind_cloudfront(behind_cloudfront, findings, options):
    assert findings(behind_cloudfront(**options)[1]) == []


def test_sign_in_stays_possible_for_those_who_bring_the_header(behind_cloudfront):
    check = elb.ListenerRuleAction(
        Type="fixed-response", Order=1, FixedResponseConfig=elb.FixedResponseConfig(StatusCode="401")
    )
    actions = resources(behind_cloudfront(before=[check])[1])["PublicVerifiedRule"]["Properties"]["Actions"]
    assert [(action["Type"], action["Order"]) for action in actions] == [("fixed-response", 1), ("forward", 2)]


def test_without_a_header_to_ask_for_there_is_no_rule(behind):
    balancer, stack = behind(**CLOUDFRONT)
    assert balancer.verified is None
    assert resources(stack)["PublicHttpListener"]["Properties"]["DefaultActions"] == [FORWARD]


def test_a_range_of_clients_beside_a_prefix_list_is_refused(behind):
    with pytest.raises(SettingsError, match=r"clients is 203.0.113.0/24 and there is a prefix list .* one of the two"):
        behind(clients="203.0.113.0/24", **CLOUDFRONT)


@pytest.mark.parametrize("seconds", [1, 120, 4000])
def test_a_silent_connection_is_kept_as_long_as_asked_for(behind, seconds):
    assert attributes(behind(idle_seconds=seconds)[1])["idle_timeout.timeout_seconds"] == str(seconds)


def test_a_silent_connection_is_kept_as_long_as_aws_decides_where_nobody_does(behind):
    assert "idle_timeout.timeout_seconds" not in attributes(behind()[1])


@pytest.mark.parametrize("seconds", [0, 4001])
def test_an_idle_time_that_aws_refuses_is_refused_with_the_way_out(behind, seconds):
    with pytest.raises(SettingsError, match=f"idle_seconds is {seconds}; .* 1 to 4000, or None"):
        behind(idle_seconds=seconds)


def test_malformed_requests_are_dropped(behind):
    made = attributes(behind()[1])
    assert made["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert made["routing.http.desync_mitigation_mode"] == "defensive"


@pytest.mark.row("XX-05")
@pytest.mark.parametrize(("protect", "value"), [(True, "true"), (False, "false")])
def test_it_refuses_to_be_deleted_where_it_is_protected(behind, protect, value):
    assert attributes(behind(protect=protect)[1])["deletion_protection.enabled"] == value


def test_access_logs_go_to_a_bucket_whose_policy_is_there_first(behind):
    stack = behind(logs=AccessLogBucket("AccessLog", expire_after_days=30))[1]
    made = attributes(stack)
    assert made["access_logs.s3.enabled"] == "true"
    assert made["access_logs.s3.bucket"] == {"Ref": "AccessLogBucket"}
    assert resources(stack)["PublicLoadBalancer"]["DependsOn"] == ["AccessLogBucketPolicy"]


def test_access_logs_may_go_to_a_bucket_of_a_stack_before(behind):
    stack = behind(access_logs="logs-of-another-stack")[1]
    assert attributes(stack)["access_logs.s3.bucket"] == "logs-of-another-stack"
    assert "DependsOn" not in resources(stack)["PublicLoadBalancer"]


def test_without_a_bucket_there_are_no_access_logs(behind):
    stack = behind()[1]
    assert not [key for key in attributes(stack) if key.startswith("access_logs")]
    assert "DependsOn" not in resources(stack)["PublicLoadBalancer"]


@pytest.mark.row("XX-06")
def test_it_has_a_name_of_its_own_only_where_it_is_given_one(behind):
    plain = resources(behind()[1])
    named = resources(behind(physical_name="facerec-api-alb-dev", group_name="facerec-api-alb-sg-dev")[1])
    assert "Name" not in plain["PublicLoadBalancer"]["Properties"]
    assert named["PublicLoadBalancer"]["Properties"]["Name"] == "facerec-api-alb-dev"
    assert named["PublicSecurityGroup"]["Properties"]["GroupName"] == "facerec-api-alb-sg-dev"


def test_its_own_name_can_be_asked_for(behind):
    assert behind()[0].dns_name.to_dict() == {"Fn::GetAtt": ["PublicLoadBalancer", "DNSName"]}
