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
    """The name in DNS that leads to a load balancer."""

    def __init__(
        self,
        name: str,
        *,
        domain_name: Parameter,
        hosted_zone_id: Parameter,
        load_balancer: elasticloadbalancingv2.LoadBalancer,
    ) -> None:
        self.record = because(
            "People use the name; where it leads may change. Alias queries cost nothing.",
            route53.RecordSetType(
                f"{name}AliasRecord",
                Name=domain_name.ref(),
                HostedZoneId=hosted_zone_id.ref(),
                Type="A",
                AliasTarget=route53.AliasTarget(
                    DNSName=load_balancer.get_att("DNSName"),
                    HostedZoneId=load_balancer.get_att("CanonicalHostedZoneID"),
                    EvaluateTargetHealth=True,
                ),
            ),
        )
