from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from itertools import permutations, product

import pytest
from troposphere import Ref

from blueprints.components.network import Vpc
from blueprints.components.network_acls import MOST_RULES, NetworkAcls
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict, to_json

pytestmark = pytest.mark.row("RC-21")

FRONTEND, BACKEND = 3000, 8000
INTERNET, INTERNET_IPV6 = "198.51.100.7", "2001:db8::7"
ZONES = (2, 3)
EACH_COUNT_OF_ZONES = pytest.mark.parametrize("zones", ZONES)


def acls(*, zones=2, egress="nat", ports=(BACKEND, FRONTEND), between=(BACKEND,), **options):
    vpc = Vpc("Main", zones=zones, egress=egress, dual_stack=options.get("dual_stack", False))
    return vpc, NetworkAcls("Main", vpc=vpc, ports=ports, between=between, **options)


def rendered(stack_of, **options):
    return to_dict(stack_of(*acls(**options)))["Resources"]


# A network ACL as AWS reads it: of the entries in a direction the lowest that matches decides, and none is a no.


@dataclass(frozen=True)
class Packet:
    source: str
    target: str
    port: int
    protocol: int = 6


def rules(made, subnet, *, egress):
    """The entries that guard a subnet in one direction, lowest number first."""
    (acl,) = (
        each["Properties"]["NetworkAclId"]["Ref"]
        for each in made.values()
        if each["Type"] == "AWS::EC2::SubnetNetworkAclAssociation" and each["Properties"]["SubnetId"] == {"Ref": subnet}
    )
    found = [
        each["Properties"]
        for each in made.values()
        if each["Type"] == "AWS::EC2::NetworkAclEntry"
        and each["Properties"]["NetworkAclId"] == {"Ref": acl}
        and each["Properties"].get("Egress", False) is egress
    ]
    return sorted(found, key=lambda entry: entry["RuleNumber"])


def matches(entry, peer, packet):
    block = ipaddress.ip_network(entry.get("CidrBlock") or entry["Ipv6CidrBlock"])
    address = ipaddress.ip_address(peer)
    return (
        entry["Protocol"] in {-1, packet.protocol}
        and address.version == block.version
        and address in block
        and entry["PortRange"]["From"] <= packet.port <= entry["PortRange"]["To"]
    )


def crosses(made, subnet, packet, *, egress):
    peer = packet.target if egress else packet.source
    decided = [e["RuleAction"] for e in rules(made, subnet, egress=egress) if matches(e, peer, packet)]
    return decided[:1] == ["allow"]


def passes(made, packet, *, leaves=None, enters=None):
    """Whether a packet gets out of one subnet and into another; None is the internet."""
    return (leaves is None or crosses(made, leaves, packet, egress=True)) and (
        enters is None or crosses(made, enters, packet, egress=False)
    )


def public(zone):
    return f"MainPublicSubnet{zone}"


def private(zone):
    return f"MainPrivateSubnet{zone}"


def inside(made, subnet, host=20):
    """An address in a subnet."""
    return str(ipaddress.ip_network(made[subnet]["Properties"]["CidrBlock"])[host])


def numbers(zones):
    return range(1, zones + 1)


# The documented flows, each with its answer


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("port", [80, 443])
@pytest.mark.parametrize("clients_port", [1024, 49152, 65535])
def test_clients_reach_the_load_balancer_and_hear_from_it(stack_of, zones, port, clients_port):
    made = rendered(stack_of, zones=zones)
    for zone in numbers(zones):
        balancer = inside(made, public(zone))
        assert passes(made, Packet(INTERNET, balancer, port), enters=public(zone))
        assert passes(made, Packet(balancer, INTERNET, clients_port), leaves=public(zone))


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("port", [BACKEND, FRONTEND])
@pytest.mark.parametrize("balancers_port", [1024, 8443, 65535])
def test_the_load_balancer_reaches_tasks_of_every_zone_and_hears_from_them(stack_of, zones, port, balancers_port):
    made = rendered(stack_of, zones=zones)
    for here, there in product(numbers(zones), repeat=2):
        balancer, task = inside(made, public(here)), inside(made, private(there))
        assert passes(made, Packet(balancer, task, port), leaves=public(here), enters=private(there))
        assert passes(made, Packet(task, balancer, balancers_port), leaves=private(there), enters=public(here))


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("callers_port", [32768, 60999, 65535])
def test_the_frontend_reaches_the_backend_in_other_zones_and_hears_from_it(stack_of, zones, callers_port):
    made = rendered(stack_of, zones=zones)
    for here, there in permutations(numbers(zones), 2):
        frontend, backend = inside(made, private(here)), inside(made, private(there))
        assert passes(made, Packet(frontend, backend, BACKEND), leaves=private(here), enters=private(there))
        assert passes(made, Packet(backend, frontend, callers_port), leaves=private(there), enters=private(here))


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("egress", ["nat", "nat-per-zone"])
def test_tasks_call_the_internet_through_the_nat_gateway_and_hear_from_it(stack_of, zones, egress):
    made = rendered(stack_of, zones=zones, egress=egress)
    gateways = [each["Properties"]["SubnetId"]["Ref"] for each in made.values() if each["Type"].endswith("NatGateway")]
    assert gateways == [public(zone) for zone in numbers(zones if egress == "nat-per-zone" else 1)]
    for zone, gateway in product(numbers(zones), gateways):
        task, nat = inside(made, private(zone)), inside(made, gateway, host=30)
        assert passes(made, Packet(task, INTERNET, 443), leaves=private(zone), enters=gateway)
        assert passes(made, Packet(nat, INTERNET, 443), leaves=gateway)
        for nats_port in (1024, 3389, 65535):
            assert passes(made, Packet(INTERNET, nat, nats_port), enters=gateway)
        for tasks_port in (32768, 60999, 65535):
            # The gateway puts the task's address back and leaves the sender's.
            assert passes(made, Packet(INTERNET, task, tasks_port), leaves=gateway, enters=private(zone))


@EACH_COUNT_OF_ZONES
def test_tasks_reach_storage_through_gateway_endpoints_and_hear_from_it(stack_of, zones):
    made = rendered(stack_of, zones=zones)
    storage = "52.216.10.20"  # S3 keeps its public address; the endpoint is a route
    for zone in numbers(zones):
        task = inside(made, private(zone))
        assert passes(made, Packet(task, storage, 443), leaves=private(zone))
        assert passes(made, Packet(storage, task, 40000), enters=private(zone))


# Nothing else


PRIVILEGED = (1, 21, 22, 23, 25, 53, 123, 135, 445, 1023)


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("port", [*PRIVILEGED, 80, 443, FRONTEND, 3389, 5432, 6379, BACKEND, 32767])
def test_the_internet_opens_no_connection_to_private_subnets(stack_of, zones, port):
    made = rendered(stack_of, zones=zones)
    for zone in numbers(zones):
        assert not passes(made, Packet(INTERNET, inside(made, private(zone)), port), enters=private(zone))


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("port", PRIVILEGED)
def test_the_internet_reaches_public_subnets_below_1024_only_where_the_load_balancer_listens(stack_of, zones, port):
    made = rendered(stack_of, zones=zones)
    for zone in numbers(zones):
        assert not passes(made, Packet(INTERNET, inside(made, public(zone)), port), enters=public(zone))


@pytest.mark.parametrize("port", [*PRIVILEGED, 80, 443, 3389, 5432, 6379, 32767])
def test_public_subnets_reach_tasks_where_they_listen_and_nowhere_else(stack_of, port):
    made = rendered(stack_of)
    for here, there in product(numbers(2), repeat=2):
        packet = Packet(inside(made, public(here)), inside(made, private(there)), port)
        assert not passes(made, packet, leaves=public(here), enters=private(there))


@pytest.mark.parametrize("port", [*PRIVILEGED, 80, FRONTEND, BACKEND, 8443])
def test_tasks_call_the_internet_over_https_only(stack_of, port):
    made = rendered(stack_of)
    for zone in numbers(2):
        packet = Packet(inside(made, private(zone)), INTERNET, port)
        assert not passes(made, packet, leaves=private(zone), enters=public(zone))


@pytest.mark.parametrize("port", [*PRIVILEGED, 80, 443, FRONTEND, 3389, 5432, 6379, 32767])
def test_tasks_reach_each_other_where_it_is_said_and_nowhere_else(stack_of, port):
    made = rendered(stack_of)
    for here, there in permutations(numbers(2), 2):
        packet = Packet(inside(made, private(here)), inside(made, private(there)), port)
        assert not passes(made, packet, leaves=private(here), enters=private(there))


def test_tasks_that_need_not_reach_each_other_cannot(stack_of):
    made = rendered(stack_of, between=())
    for port, (here, there) in product((BACKEND, FRONTEND, 32767), permutations(numbers(2), 2)):
        packet = Packet(inside(made, private(here)), inside(made, private(there)), port)
        assert not passes(made, packet, leaves=private(here), enters=private(there))


def test_addresses_of_the_vpc_outside_these_subnets_reach_no_task(stack_of):
    made = rendered(stack_of)
    for zone, port in product(numbers(2), (BACKEND, FRONTEND)):
        assert not passes(made, Packet("10.0.200.9", inside(made, private(zone)), port), enters=private(zone))


@pytest.mark.parametrize("protocol", [1, 17, 47, 50])
def test_only_tcp_passes(stack_of, protocol):
    made = rendered(stack_of)
    for port in (53, 80, 123, 443, BACKEND, 40000):
        for subnet in (public(1), private(1)):
            packet = Packet(INTERNET, inside(made, subnet), port, protocol)
            assert not passes(made, packet, enters=subnet)
            assert not passes(made, Packet(packet.target, INTERNET, port, protocol), leaves=subnet)


def documented(made, client):
    """One packet for each documented flow and each answer, in a network of two zones: what leaves, what it enters."""
    balancer, nat = inside(made, public(1)), inside(made, public(1), host=30)
    for port in (80, 443):
        yield Packet(client, balancer, port), None, public(1)
    yield Packet(balancer, client, 50000), public(1), None
    for zone, port in product(numbers(2), (BACKEND, FRONTEND)):
        sender, task = inside(made, public(zone)), inside(made, private(2))
        yield Packet(sender, task, port), public(zone), private(2)
        yield Packet(task, sender, 50000), private(2), public(zone)
    for here, there in permutations(numbers(2), 2):
        frontend, backend = inside(made, private(here)), inside(made, private(there))
        yield Packet(frontend, backend, BACKEND), private(here), private(there)
        yield Packet(backend, frontend, 50000), private(there), private(here)
    for zone in numbers(2):
        task = inside(made, private(zone))
        yield Packet(task, INTERNET, 443), private(zone), public(1)
        yield Packet(nat, INTERNET, 443), public(1), None
        yield Packet(INTERNET, nat, 1024), None, public(1)
        yield Packet(INTERNET, task, 50000), public(1), private(zone)


def test_every_entry_serves_a_documented_flow(stack_of):
    made = rendered(stack_of, clients="203.0.113.0/24")
    flows = list(documented(made, "203.0.113.9"))

    def all_pass(resources):
        return all(passes(resources, packet, leaves=leaves, enters=enters) for packet, leaves, enters in flows)

    assert all_pass(made)
    entries = [title for title, each in made.items() if each["Type"] == "AWS::EC2::NetworkAclEntry"]
    spare = [title for title in entries if all_pass({key: value for key, value in made.items() if key != title})]
    assert spare == []


# Who the clients are


def test_narrower_clients_are_the_only_ones_who_reach_the_load_balancer(stack_of):
    made = rendered(stack_of, clients="203.0.113.0/24", dual_stack=True)
    balancer = inside(made, public(1))
    for port in (80, 443):
        assert passes(made, Packet("203.0.113.9", balancer, port), enters=public(1))
        assert not passes(made, Packet(INTERNET, balancer, port), enters=public(1))
        assert not passes(made, Packet(INTERNET_IPV6, "2001:db8:1::1", port), enters=public(1))
    assert passes(made, Packet(balancer, "203.0.113.9", 50000), leaves=public(1))
    assert not passes(made, Packet(balancer, INTERNET, 50000), leaves=public(1))


def test_clients_may_be_a_parameter(stack_of):
    made = rendered(stack_of, clients=Ref("ClientRange"))
    entries = [made[title]["Properties"] for title in ("MainPublicIngress100", "MainPublicEgress100")]
    assert [entry["CidrBlock"] for entry in entries] == [{"Ref": "ClientRange"}] * 2


@pytest.mark.row("RC-06")
@EACH_COUNT_OF_ZONES
def test_with_dual_stack_clients_come_over_ipv6_to_the_load_balancer_and_nowhere_else(stack_of, zones):
    made = rendered(stack_of, zones=zones, dual_stack=True)
    balancer = "2001:db8:1::1"
    for zone in numbers(zones):
        for port in (80, 443):
            assert passes(made, Packet(INTERNET_IPV6, balancer, port), enters=public(zone))
        assert passes(made, Packet(balancer, INTERNET_IPV6, 50000), leaves=public(zone))
        for port in (22, FRONTEND, BACKEND, 50000):
            assert not passes(made, Packet(INTERNET_IPV6, balancer, port), enters=public(zone))
        for port in (80, 443, 40000):
            assert not passes(made, Packet(INTERNET_IPV6, balancer, port), enters=private(zone))
            assert not passes(made, Packet(balancer, INTERNET_IPV6, port), leaves=private(zone))


def test_without_dual_stack_there_is_no_rule_for_ipv6(stack_of):
    assert not [each for each in rendered(stack_of).values() if "Ipv6CidrBlock" in each["Properties"]]


# What AWS takes


def test_logical_ids_are_a_promise():
    assert [resource.title for resource in acls()[1].resources()] == [
        "MainPublicNetworkAcl",
        *(f"MainPublicIngress{number}" for number in (100, 110, 200, 300)),
        *(f"MainPublicEgress{number}" for number in (100, 200, 210, 300, 400)),
        "MainPublicSubnet1NetworkAcl",
        "MainPublicSubnet2NetworkAcl",
        "MainPrivateNetworkAcl",
        *(f"MainPrivateIngress{number}" for number in (200, 201, 210, 211, 300, 400, 401)),
        *(f"MainPrivateEgress{number}" for number in (200, 300)),
        "MainPrivateSubnet1NetworkAcl",
        "MainPrivateSubnet2NetworkAcl",
    ]


@EACH_COUNT_OF_ZONES
@pytest.mark.parametrize("dual_stack", [False, True], ids=["ipv4", "dual-stack"])
def test_no_linter_finds_anything(stack_of, findings, zones, dual_stack):
    assert findings(stack_of(*acls(zones=zones, dual_stack=dual_stack))) == []


@EACH_COUNT_OF_ZONES
def test_an_entry_is_known_by_its_number_so_that_no_two_ever_claim_one(stack_of, zones):
    # CloudFormation makes the new before it deletes the old, and EC2 refuses a number that is taken.
    for title, each in rendered(stack_of, zones=zones, dual_stack=True).items():
        if each["Type"] == "AWS::EC2::NetworkAclEntry":
            entry = each["Properties"]
            kind = entry["NetworkAclId"]["Ref"].removesuffix("NetworkAcl")
            assert title == f"{kind}{'Egress' if entry.get('Egress') else 'Ingress'}{entry['RuleNumber']}"
            assert 1 <= entry["RuleNumber"] <= 32766


def test_a_new_port_and_a_new_zone_leave_the_numbers_of_the_others_alone():
    def numbered(**options):
        return {resource.title for resource in acls(**options)[1].resources()}

    assert numbered() < numbered(ports=(BACKEND, FRONTEND, 9000))
    assert numbered() < numbered(between=(BACKEND, FRONTEND))
    assert numbered() < numbered(zones=3)  # further subnets; their ranges fold into as many as before


def test_subnets_follow_an_acl_when_its_entries_are_there(stack_of):
    made = rendered(stack_of, zones=3)
    for kind in ("Public", "Private"):
        entries = [title for title in made if title.startswith((f"Main{kind}Ingress", f"Main{kind}Egress"))]
        first, *others = (f"Main{kind}Subnet{zone}NetworkAcl" for zone in numbers(3))
        assert made[first]["DependsOn"] == entries
        assert [made[other]["DependsOn"] for other in others] == [[first]] * 2


def test_each_subnet_follows_exactly_one_acl(stack_of):
    made = rendered(stack_of, zones=3)
    subnets = [title for title, each in made.items() if each["Type"] == "AWS::EC2::Subnet"]
    followed = [
        each["Properties"]["SubnetId"]["Ref"]
        for each in made.values()
        if each["Type"] == "AWS::EC2::SubnetNetworkAclAssociation"
    ]
    assert sorted(followed) == sorted(subnets)


def test_the_largest_network_can_be_sent_without_a_bucket(stack_of):
    vpc = Vpc("Main", zones=3, egress="nat-per-zone", flow_logs=365, dual_stack=True)
    guards = NetworkAcls("Main", vpc=vpc, ports=(BACKEND, FRONTEND), between=(BACKEND,), dual_stack=True)
    stack = stack_of(vpc, guards, owner="platform-team@example.com", cost_center="engineering-1234")
    vpc.publish(stack)
    assert len(to_json(stack).encode()) < 51_200


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"egress": "public"}, "the network has none; set egress to nat or nat-per-zone"),
        ({"egress": "endpoints"}, "the network has none; set egress to nat or nat-per-zone"),
        ({"ports": (0,)}, "ports has 0; give 1 to 32767"),
        ({"between": (40000,)}, "between has 40000; give 1 to 32767"),
        ({"ports": (8000, 8000)}, "names a port twice: 8000, 8000; name it once"),
        ({"ports": range(8000, 8010), "between": ()}, "21 ingress rules are needed and a network ACL takes 20"),
    ],
)
def test_what_cannot_work_is_refused_with_the_way_out(options, words):
    with pytest.raises(SettingsError, match=words):
        acls(**options)


@EACH_COUNT_OF_ZONES
def test_there_are_never_more_rules_than_aws_takes(stack_of, zones):
    made = rendered(stack_of, zones=zones, ports=range(8000, 8009), between=(), dual_stack=True)
    counts = [len(rules(made, subnet, egress=way)) for subnet in (public(1), private(1)) for way in (False, True)]
    assert max(counts) == 19 < MOST_RULES


def test_no_two_entries_of_an_acl_have_the_same_number_in_a_direction(stack_of):
    made = rendered(stack_of, ports=range(8000, 8006), between=range(8000, 8003), dual_stack=True)
    for subnet, way in product((public(1), private(1)), (False, True)):
        taken = [entry["RuleNumber"] for entry in rules(made, subnet, egress=way)]
        assert len(set(taken)) == len(taken)
