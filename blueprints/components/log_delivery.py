"""Access logs of a load balancer in a log group, where CloudWatch Logs Insights searches them."""

from __future__ import annotations

from typing import Any

from troposphere import Select, Split, StackId, Sub, logs

from blueprints.access import log_policies
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# Application Load Balancers deliver to CloudWatch Logs since July 2026 (User Guide for Application Load Balancers,
# "CloudWatch logs for your Application Load Balancer"; valid log types: PutDeliverySource).
LOG_TYPE = "ALB_ACCESS_LOGS"

# Names of sources and destinations have 60 characters at most, of which a stack's own id and a dash take 37.
LONGEST_NAME = 60 - 37


class AccessLogDelivery(Component):
    """Delivers a load balancer's access logs to a log group of their own, as JSON.

    Charged by volume as vended logs. A source has one delivery to log groups at most, so a load balancer has one of
    these; an AccessLogBucket can stand beside it.

    Args:
        name: first part of the logical ids, and of the names of source and destination.
        load_balancer: ARN of an Application Load Balancer.
        log_group_name: the log group's name, where a document names it; made of the stack's name when None, because
            its policy has to name it.
        retention_days: days to keep the logs.

    Raises:
        SettingsError: the name is too long for source and destination.

    """

    def __init__(self, name: str, *, load_balancer: Any, log_group_name: str | None, retention_days: int) -> None:
        if len(name) > LONGEST_NAME:
            raise SettingsError(
                f"{name}: the names of source and destination start with it and take {LONGEST_NAME} characters of it "
                "at most; shorten it"
            )
        in_sub = log_group_name or f"${{AWS::StackName}}-{name}"
        self.log_group = because(
            "Who asked for what, when, and how the service answered.",
            logs.LogGroup(
                f"{name}LogGroup",
                LogGroupName=log_group_name or Sub(in_sub),
                RetentionInDays=retention_days,
                ResourcePolicyDocument=log_policies.deliveries_write(in_sub),
            ),
        )
        # Both need a name, unique in the account and the Region; the stack's own id makes it so.
        physical_name = Sub(f"{name}-${{Id}}", Id=Select(2, Split("/", StackId)))
        self.source = because(
            "Names the load balancer as a source of access logs.",
            logs.DeliverySource(
                f"{name}DeliverySource", Name=physical_name, LogType=LOG_TYPE, ResourceArn=load_balancer
            ),
        )
        self.destination = because(
            "Names the log group as a place to deliver to; JSON, so that every field can be searched.",
            logs.DeliveryDestination(
                f"{name}DeliveryDestination",
                Name=physical_name,
                DeliveryDestinationType="CWL",
                OutputFormat="json",
                DestinationResourceArn=self.log_group.get_att("Arn"),
            ),
            must=["Format and log group stay: a named destination cannot be replaced"],
        )
        self.delivery = because(
            "Delivers from the one to the other.",
            logs.Delivery(
                f"{name}Delivery",
                DeliverySourceName=self.source.ref(),
                DeliveryDestinationArn=self.destination.get_att("Arn"),
            ),
        )
