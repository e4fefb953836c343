"""Blue/green deployments by ECS itself: two target groups and listener rules whose weights ECS moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import Sub, ecs, iam
from troposphere import elasticloadbalancingv2 as elb

from blueprints.access import grants
from blueprints.components.listener_rule import EVERYTHING, Requests, forward_by_weight, listener_rule
from blueprints.components.target_group import TargetGroup
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.stack import Stack


@dataclass(frozen=True)
class TrafficShift:
    """How ECS moves a service's traffic: to which other target group, by which rules, in which role. All are ARNs."""

    green: Any
    production_rule: Any
    role: Any
    test_rule: Any | None = None

    def advanced(self) -> ecs.AdvancedConfiguration:
        """What the service's load balancer entry says about the other target group and the rules."""
        made = ecs.AdvancedConfiguration(
            AlternateTargetGroupArn=self.green, ProductionListenerRule=self.production_rule, RoleArn=self.role
        )
        if self.test_rule is not None:
            made.TestListenerRule = self.test_rule
        return made

    @classmethod
    def from_stack(cls, stack: Stack, producer: Stack, name: str) -> TrafficShift:
        """What ``BlueGreen.publish`` wrote in another stack."""
        test_rule = f"{name}TestRuleArn"
        return cls(
            green=stack.from_stack(producer, f"{name}GreenTargetGroupArn"),
            production_rule=stack.from_stack(producer, f"{name}ProductionRuleArn"),
            role=stack.from_stack(producer, f"{name}DeploymentRoleArn"),
            test_rule=stack.from_stack(producer, test_rule) if test_rule in producer.outputs else None,
        )


class BlueGreen(Component):
    """What ECS needs to move production traffic from one set of tasks to another.

    ECS rewrites the actions of both rules with each deployment. A stack update that touches a rule would set them
    back, so its text must never change; tell the stack with ``Stack.leave_to_ecs``.

    Args:
        name: first part of the logical ids.
        listener: where production traffic comes in.
        blue: the target group that the first tasks join.
        green: the one that the next deployment fills.
        takes: the requests of production.
        tests: the requests that see the new tasks before production does; None for no test traffic.
    """

    def __init__(  # noqa: PLR0913 - two ends, two target groups, two kinds of traffic
        self,
        name: str,
        *,
        listener: elb.Listener,
        blue: TargetGroup,
        green: TargetGroup,
        takes: Requests = EVERYTHING,
        tests: Requests | None = None,
    ) -> None:
        self._name, self._green = name, green
        self.rule = because(
            "Production traffic; ECS moves the weights with each deployment.",
            listener_rule(f"{name}ProductionRule", listener, takes, forward_by_weight(blue, green)),
            must=["The actions keep their text: ECS owns the weights, an update would move live traffic"],
            mutable="must-never-change",
        )
        self.test_rule = None
        if tests is not None:
            self.test_rule = because(
                "Requests that ask for it see the new tasks first; ECS moves these weights too.",
                listener_rule(f"{name}TestRule", listener, tests, forward_by_weight(blue, green)),
                mutable="must-never-change",
            )
        self.role = because(
            "Lets ECS change the rule and register targets; AWS keeps the list of actions.",
            iam.Role(
                f"{name}DeploymentRole",
                AssumeRolePolicyDocument=grants.trust("ecs"),
                ManagedPolicyArns=[
                    Sub("arn:${AWS::Partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers")
                ],
            ),
        )

    @property
    def green(self) -> TargetGroup:
        """The target group that the next deployment fills first."""
        return self._green

    @property
    def rules(self) -> list[elb.ListenerRule]:
        """The rules whose actions are ECS's."""
        return [rule for rule in (self.rule, self.test_rule) if rule is not None]

    @property
    def shift(self) -> TrafficShift:
        """What the service has to be told."""
        return TrafficShift(
            green=self._green.arn,
            production_rule=self.rule.ref(),
            role=self.role.get_att("Arn"),
            test_rule=None if self.test_rule is None else self.test_rule.ref(),
        )

    def publish(self, stack: Stack) -> None:
        """Write the outputs that ``TrafficShift.from_stack`` reads."""
        name, shift = self._name, self.shift
        stack.output(f"{name}GreenTargetGroupArn", shift.green, f"The other target group of {name}")
        stack.output(f"{name}ProductionRuleArn", shift.production_rule, f"The rule that takes {name}'s traffic")
        stack.output(f"{name}DeploymentRoleArn", shift.role, f"The role in which ECS moves {name}'s traffic")
        if shift.test_rule is not None:
            stack.output(f"{name}TestRuleArn", shift.test_rule, f"The rule that takes {name}'s test traffic")
