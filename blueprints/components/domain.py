"""A public name: its certificate, and the record that leads to the load balancer."""

from __future__ import annotations

from typing import Any

from troposphere import Parameter, certificatemanager, elasticloadbalancingv2, route53

from blueprints.model.component import Component
from blueprints.model.context import because


class Certificate(Component):
    """A certificate that ACM validates by DNS and renews by itself.

    Without the hosted zone's id CloudFormation would wait, for days, for somebody to write the validation record.
    """

    def __init__(self, name: str, *, domain_name: Parameter, hosted_zone_id: Parameter) -> None:
        self.certificate = because(
            "Lets browsers trust the service; ACM renews it while the validation record stands.",
            certificatemanager.Certificate(
                f"{name}Certificate",
                DomainName=domain_name.ref(),
                ValidationMethod="DNS",
                DomainValidationOptions=[
                    certificatemanager.DomainValidationOption(
                        DomainName=domain_name.ref(), HostedZoneId=hosted_zone_id.ref()
                    )
                ],
            ),
            must=["The hosted zone is public and delegated"],
            mutable="change-with-constraints",
        )

    @property
    def arn(self) -> Any:
        """The certificate's ARN."""
        return self.certificate.ref()


class AliasRecord(Component):
    """The name in DNS that leads to a load balancer.

    Args:
        name: first part of the logical ids.
        domain_name: the name that people use.
        hosted_zone_id: the zone that the name lies in.
        load_balancer: where the name leads.
        dual_stack: the load balancer has IPv6 addresses too, so the name gets an AAAA record beside its A record.
    """

    def __init__(
        self,
        name: str,
        *,
        domain_name: Parameter,
        hosted_zone_id: Parameter,
        load_balancer: elasticloadbalancingv2.LoadBalancer,
        dual_stack: bool = False,
    ) -> None:
        self._domain_name, self._hosted_zone_id, self._load_balancer = domain_name, hosted_zone_id, load_balancer
        self.record = self._alias(
            f"{name}AliasRecord", "A", "People use the name; where it leads may change. Alias queries cost nothing."
        )
        self.record_ipv6 = (
            self._alias(f"{name}AliasRecordIpv6", "AAAA", "The same for those who come over IPv6.")
            if dual_stack
            else None
        )

    def _alias(self, title: str, kind: str, why: str) -> route53.RecordSetType:
        return because(
            why,
            route53.RecordSetType(
                title,
                Name=self._domain_name.ref(),
                HostedZoneId=self._hosted_zone_id.ref(),
                Type=kind,
                AliasTarget=route53.AliasTarget(
                    DNSName=self._load_balancer.get_att("DNSName"),
                    HostedZoneId=self._load_balancer.get_att("CanonicalHostedZoneID"),
                    EvaluateTargetHealth=True,
                ),
            ),
        )
