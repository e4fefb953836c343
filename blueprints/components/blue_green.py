"""Blue/green deployments by ECS itself: two target groups and a listener rule whose weights ECS moves."""

from __future__ import annotations

from troposphere import Sub, ecs, iam
from troposphere import elasticloadbalancingv2 as elb

from blueprints.access import grants
from blueprints.components.target_group import TargetGroup
from blueprints.model.component import Component
from blueprints.model.context import because

# How long the old tasks stay after all traffic has moved, in minutes: a way back that takes seconds.
BAKE_MINUTES = 10

# Conditions are tried from the lowest number up; this one takes whatever no other rule took.
LAST_PRIORITY = 50_000


class BlueGreen(Component):
    """What ECS needs to move production traffic from one set of tasks to another.

    ECS rewrites the weights of the production rule with each deployment. A stack update that touches the rule's
    actions would set them back, so its text must never change.
    """

    def __init__(self, name: str, *, listener: elb.Listener, blue: TargetGroup, green: TargetGroup) -> None:
        self._green = green
        self.rule = because(
            "Production traffic; ECS moves the weights with each deployment.",
            elb.ListenerRule(
                f"{name}ProductionRule",
                ListenerArn=listener.ref(),
                Priority=LAST_PRIORITY,
                Conditions=[
                    elb.Condition(Field="path-pattern", PathPatternConfig=elb.PathPatternConfig(Values=["/*"]))
                ],
                Actions=[
                    elb.ListenerRuleAction(
                        Type="forward",
                        ForwardConfig=elb.ForwardConfig(
                            TargetGroups=[
                                elb.TargetGroupTuple(TargetGroupArn=blue.target_group.ref(), Weight=100),
                                elb.TargetGroupTuple(TargetGroupArn=green.target_group.ref(), Weight=0),
                            ]
                        ),
                    )
                ],
            ),
            must=["The actions keep their text: ECS owns the weights, an update would move live traffic"],
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

    def deployment(self) -> ecs.DeploymentConfiguration:
        """The service's deployment configuration; a circuit breaker goes with rolling deployments only."""
        return ecs.DeploymentConfiguration(
            Strategy="BLUE_GREEN", BakeTimeInMinutes=BAKE_MINUTES, MinimumHealthyPercent=100, MaximumPercent=200
        )

    def advanced(self) -> ecs.AdvancedConfiguration:
        """What the service's load balancer entry says about the other target group and the rule."""
        return ecs.AdvancedConfiguration(
            AlternateTargetGroupArn=self._green.target_group.ref(),
            ProductionListenerRule=self.rule.ref(),
            RoleArn=self.role.get_att("Arn"),
        )
