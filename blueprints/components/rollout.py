"""How a new version takes over from the old one, and what makes ECS turn back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from troposphere import cloudwatch, ecs, iam

from blueprints.access import grants
from blueprints.components.blue_green import TrafficShift
from blueprints.model.component import Component
from blueprints.model.context import because

# How long the old tasks stay after all traffic has moved, in minutes: a way back that takes seconds.
BAKE_MINUTES = 10

# Stages of a blue/green deployment at which ECS asks a hook (Amazon ECS Developer Guide, "Lifecycle hooks").
Stage = Literal[
    "RECONCILE_SERVICE",
    "PRE_SCALE_UP",
    "POST_SCALE_UP",
    "TEST_TRAFFIC_SHIFT",
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
]


class Hook(Component):
    """A Lambda function that ECS asks, at these stages of a deployment, whether it may go on.

    Args:
        name: first part of the logical ids.
        function_arn: the function; it answers ``{"hookStatus": "SUCCEEDED" | "FAILED" | "IN_PROGRESS"}``.
        stages: when it is asked.
    """

    def __init__(self, name: str, *, function_arn: Any, stages: Sequence[Stage]) -> None:
        self._function_arn, self._stages = function_arn, stages
        self.role = because(
            "Lets ECS ask the function of the deployment hook, and nothing else.",
            iam.Role(
                f"{name}HookRole",
                AssumeRolePolicyDocument=grants.trust("ecs"),
                Policies=[grants.policy("AskHook", grants.invoke_function(function_arn))],
            ),
        )

    def configuration(self) -> ecs.DeploymentLifecycleHook:
        """The hook as a deployment configuration has it."""
        return ecs.DeploymentLifecycleHook(
            HookTargetArn=self._function_arn,
            LifecycleStages=list(self._stages),
            RoleArn=self.role.get_att("Arn"),
        )


@dataclass(frozen=True)
class Rollout:
    """How a service's deployments go; a circuit breaker turns back what does not start.

    Args:
        shift: what ECS moves traffic with; None rolls tasks in.
        alarms: ECS turns a deployment back when one of them goes off, bake time included.
        hooks: who is asked on the way; blue/green only.
        bake_minutes: minutes (0 to 1440) that the old tasks stay after all traffic has moved; blue/green only.
    """

    shift: TrafficShift | None = None
    alarms: Sequence[cloudwatch.Alarm] = ()
    hooks: Sequence[Hook] = ()
    bake_minutes: int = BAKE_MINUTES

    def configuration(self) -> ecs.DeploymentConfiguration:
        """The service's deployment configuration: twice the tasks for a while, never fewer than wanted."""
        made = self._blue_green() if self.shift is not None else ecs.DeploymentConfiguration()
        made.MinimumHealthyPercent, made.MaximumPercent = 100, 200
        # Of both kinds of deployment: an alarm on answers never hears of tasks that do not even start (Amazon ECS
        # Developer Guide, "Amazon ECS deployment failure detection").
        made.DeploymentCircuitBreaker = ecs.DeploymentCircuitBreaker(Enable=True, Rollback=True)
        if self.alarms:
            names = [alarm.ref() for alarm in self.alarms]
            made.Alarms = ecs.DeploymentAlarms(AlarmNames=names, Enable=True, Rollback=True)
        return made

    def _blue_green(self) -> ecs.DeploymentConfiguration:
        made = ecs.DeploymentConfiguration(Strategy="BLUE_GREEN", BakeTimeInMinutes=self.bake_minutes)
        if self.hooks:
            made.LifecycleHooks = [hook.configuration() for hook in self.hooks]
        return made
