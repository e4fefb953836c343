"""A record of the traffic that the VPC rejected."""

from __future__ import annotations

from typing import Any

from troposphere import Sub, ec2, iam, logs

from blueprints.access import grants
from blueprints.model.component import Component
from blueprints.model.context import because


class FlowLogs(Component):
    """VPC flow logs of rejected traffic in a log group of their own."""

    def __init__(self, name: str, vpc_id: Any, *, retention_days: int) -> None:
        self.log_group = because(
            "Keeps the record of rejected traffic.",
            logs.LogGroup(f"{name}FlowLogGroup", RetentionInDays=retention_days),
        )
        self.role = because(
            "Flow logs write to CloudWatch Logs only through a role.",
            iam.Role(
                f"{name}FlowLogRole",
                AssumeRolePolicyDocument=grants.trust(
                    "vpc-flow-logs",
                    source_arn=Sub("arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:vpc-flow-log/*"),
                ),
                Policies=[grants.policy("WriteFlowLogs", grants.write_flow_logs(self.log_group))],
            ),
        )
        self.flow_log = because(
            "Shows who was turned away: scans, wrong rules, forgotten routes.",
            ec2.FlowLog(
                f"{name}FlowLog",
                ResourceType="VPC",
                ResourceId=vpc_id,
                TrafficType="REJECT",
                LogGroupName=self.log_group.ref(),
                DeliverLogsPermissionArn=self.role.get_att("Arn"),
            ),
        )
