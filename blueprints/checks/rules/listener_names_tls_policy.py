from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}


class ListenerNamesTlsPolicy(CloudFormationLintRule):
    id = "E9006"
    shortdesc = "An HTTPS or TLS listener names its TLS policy"
    description = (
        "A listener that CloudFormation creates without SslPolicy gets ELBSecurityPolicy-2016-08, which still accepts "
        "TLS 1.0 and 1.1. Only the console has a newer default."
    )
    source_url = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::ElasticLoadBalancingV2::Listener"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        if properties.get("Protocol") not in ("HTTPS", "TLS") or properties.get("SslPolicy", NO_VALUE) != NO_VALUE:
            return []
        return [
            RuleMatch(
                path,
                f"{path[1]} has no SslPolicy, and the default of 2016 accepts TLS 1.0: name one, for example "
                f"ELBSecurityPolicy-TLS13-1-2-2021-06",
            )
        ]
