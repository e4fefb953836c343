from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

NO_VALUE = {"Ref": "AWS::NoValue"}


class EgressIsSaid(CloudFormationLintRule):
    id = "E9004"
    shortdesc = "A security group says what it may reach"
    description = (
        "A security group that is created without egress rules of its own gets one that allows everything. "
        "AWS::EC2::SecurityGroupEgress resources only add to it."
    )
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html"

    def __init__(self) -> None:
        super().__init__()
        self.resource_property_types = ["AWS::EC2::SecurityGroup"]

    def match_resource_properties(
        self, properties: dict[str, Any], _type: str, path: list[str | int], _cfn: Template
    ) -> list[RuleMatch]:
        if properties.get("SecurityGroupEgress", NO_VALUE) not in (NO_VALUE, []):
            return []
        return [
            RuleMatch(
                path,
                f"{path[1]} has no SecurityGroupEgress, so AWS lets it reach everything: list what it may reach, or, "
                f"where that is nothing, one rule that matches nothing (CidrIp: 127.0.0.1/32, IpProtocol: icmp, "
                f"FromPort: 252, ToPort: 86)",
            )
        ]
