"""An internet-facing Application Load Balancer: the only way in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from troposphere import Tags, ec2
from troposphere import elasticloadbalancingv2 as elb

from blueprints.access.connections import ANYWHERE, ANYWHERE_IPV6, HTTPS, admit, closed_security_group
from blueprints.components.bucket import AccessLogBucket
from blueprints.components.listener_rule import LAST_PRIORITY, Requests, listener_rule
from blueprints.components.network import Network
from blueprints.components.target_group import TargetGroup
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

HTTP = 80

# Elastic Load Balancing, "Application Load Balancers", attribute idle_timeout.timeout_seconds; without it, 60.
MOST_IDLE_SECONDS = 4000

# TLS 1.2 and 1.3 with forward secrecy and hybrid post-quantum key exchange: the console's default since 2025. A
# listener that names no policy gets the one of 2016, which still speaks TLS 1.0.
TLS_POLICY = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


class LoadBalancer(Component):
    """A load balancer with its listeners.

    Args:
        name: first part of the logical ids.
        network: its public subnets hold the load balancer.
        targets: where requests go.
        certificate: ARN of a certificate; with one, HTTPS listens and HTTP redirects to it.
        before: actions that come before the request is forwarded (sign-in); a rule's where *only_with* is given.
        clients: the IPv4 range that may connect.
        prefix_list: id of CloudFront's managed prefix list, whose addresses may connect instead of *clients*. It counts
            as 55 of the 60 rules that a security group takes by default (Amazon VPC User Guide, "AWS-managed prefix
            list weight"), so one port is open: with a certificate HTTPS alone listens, and CloudFront redirects.
        only_with: a header and the value, or a list of values, that requests have to bring; others are answered 403.
            A rule forwards those that do, and every further rule on the listener has to ask for the header as well.
        access_logs: a bucket for access logs, of this stack or by the name of one of a stack before; None keeps none.
        protect: refuse to be deleted.
        idle_seconds: how long a connection may be silent, 1 to 4,000 seconds; None leaves Elastic Load Balancing's 60.
        dual_stack: also has IPv6 addresses, which takes public subnets with IPv6 blocks. Who may connect over IPv4
            from anywhere may over IPv6 too; narrower *clients* and CloudFront's prefix list are ranges of IPv4, so
            IPv6 stays closed for all.
        physical_name: a name of its own, where a document names it; group_name the same for its security group.

    Raises:
        SettingsError: both *clients* and *prefix_list* are given, or *idle_seconds* is not allowed.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        network: Network,
        targets: TargetGroup,
        certificate: Any | None = None,
        before: Sequence[elb.Action] | Sequence[elb.ListenerRuleAction] = (),
        clients: Any = ANYWHERE,
        prefix_list: Any | None = None,
        only_with: tuple[str, Any] | None = None,
        access_logs: Any | None = None,
        protect: bool = False,
        physical_name: str | None = None,
        group_name: str | None = None,
        idle_seconds: int | None = None,
        dual_stack: bool = False,
    ) -> None:
        _check(name, clients, prefix_list, idle_seconds)
        self.name = name
        self.security_group = closed_security_group(
            name, network.vpc_id, f"Load balancer {name}", group_name=group_name
        )
        self.load_balancer = because(
            "The only way in; it spans the zones and hides the tasks.",
            elb.LoadBalancer(
                f"{name}LoadBalancer",
                Type="application",
                Scheme="internet-facing",
                IpAddressType="dualstack" if dual_stack else "ipv4",
                Subnets=network.public_subnets,
                SecurityGroups=[self.security_group_id],
                LoadBalancerAttributes=_attributes(access_logs, protect=protect, idle_seconds=idle_seconds),
                Tags=Tags(Name=physical_name or name),
            ),
            mutable="change-with-constraints",
        )
        if physical_name is not None:
            self.load_balancer.Name = physical_name
        if isinstance(access_logs, AccessLogBucket):
            # Elastic Load Balancing tries the bucket when logging is switched on: its policy has to be there first.
            self.load_balancer.DependsOn = [access_logs.policy.title]
        if prefix_list is not None:
            self.ingress = [self._admit_cloudfront(prefix_list, HTTP if certificate is None else HTTPS)]
        else:
            ports = [HTTP] if certificate is None else [HTTP, HTTPS]
            self.ingress = self._admit(clients, ports, ipv6=dual_stack and clients == ANYWHERE)
        actions = [_refuse()] if only_with else [*before, targets.forward(order=len(before) + 1)]
        if certificate is None:
            self.listener = self._listener("Http", HTTP, "HTTP", actions, "Takes requests in.")
            self.redirect = None
        else:
            self.listener = self._listener("Https", HTTPS, "HTTPS", actions, "Takes requests in, over TLS only.")
            self.listener.SslPolicy = TLS_POLICY
            self.listener.Certificates = [elb.Certificate(CertificateArn=certificate)]
            self.redirect = self._redirect() if prefix_list is None else None
        self.verified = self._verified(only_with, before, targets) if only_with else None

    @property
    def security_group_id(self) -> Any:
        """The id of its security group."""
        return self.security_group.get_att("GroupId")

    @property
    def full_name(self) -> Any:
        """Its name as the metrics have it."""
        return self.load_balancer.get_att("LoadBalancerFullName")

    @property
    def dns_name(self) -> Any:
        """The name that AWS gave it."""
        return self.load_balancer.get_att("DNSName")

    def _admit(self, clients: Any, ports: list[int], *, ipv6: bool) -> list[ec2.SecurityGroupIngress]:
        title = f"ClientsTo{self.name}On"
        rules = [admit(clients, self, port=port, title=f"{title}{port}Ingress", source="clients") for port in ports]
        if ipv6:
            rules += [
                admit(ANYWHERE_IPV6, self, port=port, title=f"{title}{port}Ipv6Ingress", source="clients", ipv6=True)
                for port in ports
            ]
        return rules

    def _admit_cloudfront(self, prefix_list: Any, port: int) -> ec2.SecurityGroupIngress:
        title = f"CloudFrontTo{self.name}On{port}Ingress"
        return admit(prefix_list, self, port=port, title=title, source="CloudFront", prefix_list=True)

    def _redirect(self) -> elb.Listener:
        why = "Sends whoever comes without TLS to where it is spoken."
        return self._listener("Http", HTTP, "HTTP", [_to_https()], why)

    def _verified(self, header: tuple[str, Any], before: Sequence[Any], targets: TargetGroup) -> elb.ListenerRule:
        takes = Requests(LAST_PRIORITY, header=header)
        forward = targets.forward_rule(order=len(before) + 1)
        return because(
            f"Sends on what brings the header {header[0]}; the listener refuses the rest.",
            listener_rule(f"{self.name}VerifiedRule", self.listener, takes, *before, forward),
            must=["No rule forwards without asking for the header"],
            mutable="review-required",
        )

    def _listener(self, kind: str, port: int, protocol: str, actions: list[elb.Action], why: str) -> elb.Listener:
        return because(
            why,
            elb.Listener(
                f"{self.name}{kind}Listener",
                LoadBalancerArn=self.load_balancer.ref(),
                Port=port,
                Protocol=protocol,
                DefaultActions=actions,
            ),
            mutable="review-required",
        )


def _attributes(
    access_logs: Any | None, *, protect: bool, idle_seconds: int | None
) -> list[elb.LoadBalancerAttributes]:
    attributes = {
        "deletion_protection.enabled": str(protect).lower(),
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "routing.http.desync_mitigation_mode": "defensive",
    }
    values: dict[str, Any] = dict(attributes)
    if idle_seconds is not None:
        values["idle_timeout.timeout_seconds"] = str(idle_seconds)
    if access_logs is not None:
        bucket = access_logs.bucket.ref() if isinstance(access_logs, AccessLogBucket) else access_logs
        values |= {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": bucket}
    return [elb.LoadBalancerAttributes(Key=key, Value=value) for key, value in values.items()]


def _check(name: str, clients: Any, prefix_list: Any | None, seconds: int | None) -> None:
    if prefix_list is not None and clients != ANYWHERE:
        raise SettingsError(
            f"{name}: clients is {clients} and there is a prefix list as well; give one of the two: who may connect is "
            "a range of your own, or CloudFront"
        )
    if seconds is not None and not 1 <= seconds <= MOST_IDLE_SECONDS:
        raise SettingsError(
            f"{name}: idle_seconds is {seconds}; a load balancer takes 1 to {MOST_IDLE_SECONDS}, or None for its own 60"
        )


def _refuse() -> elb.Action:
    response = elb.FixedResponseConfig(StatusCode="403", ContentType="text/plain", MessageBody="Forbidden")
    return elb.Action(Type="fixed-response", FixedResponseConfig=response)


def _to_https() -> elb.Action:
    return elb.Action(
        Type="redirect",
        RedirectConfig=elb.RedirectConfig(Protocol="HTTPS", Port=str(HTTPS), StatusCode="HTTP_301"),
    )
