"""How many tasks run: by target, by steps or by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import Sub, applicationautoscaling, cloudwatch

from blueprints.components.fargate_service import FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.metrics import CONTAINER_INSIGHTS
from blueprints.components.target_group import TargetGroup
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

COOLDOWN_SECONDS = 300
WORDS = {"Cpu": "CPU", "Memory": "memory"}
SERVICE_TASKS = "ecs:service:DesiredCount"


@dataclass(frozen=True)
class RequestsPerTarget:
    """How many requests a minute one task should get; the label of the metric names both ends."""

    target: int
    load_balancer: LoadBalancer
    targets: TargetGroup


@dataclass(frozen=True)
class BacklogPerTask:
    """How much waiting work one task should have: a queue's depth over the number of running tasks.

    The depth alone would ask for ever more tasks, because it does not fall when a task is added.
    """

    target: float
    namespace: str
    metric: str
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CpuSteps:
    """Add a task above ``out_above`` percent of CPU, take one away below ``in_below``."""

    out_above: int
    in_below: int


@dataclass(frozen=True)
class ScheduledCapacity:
    """Bounds from a time on, as a cron expression in a time zone: how to sleep at night and wake up in the morning."""

    name: str
    schedule: str
    minimum: Any
    maximum: Any
    time_zone: str = "UTC"


class Autoscaling(Component):
    """Lets a service grow and shrink between two bounds.

    Args:
        name: first part of the logical ids.
        service: whose tasks are counted; it must not set a number of its own.
        minimum: fewest tasks.
        maximum: most tasks.
        cpu: percent of CPU to hold, or None.
        memory: percent of memory to hold, or None.
        requests: requests a task and minute to hold, or None.
        backlog: waiting work a task to hold, or None.
        steps: steps on CPU with an alarm each, or None; beside ``cpu`` the two would pull at each other.
        schedule: changes of the bounds by the clock.
        out_seconds: seconds after a tracking policy has added tasks before it adds more.

    Raises:
        SettingsError: both ``cpu`` and ``steps`` are given.
    """

    def __init__(  # noqa: PLR0913 - each is a way to scale
        self,
        name: str,
        *,
        service: FargateService,
        minimum: Any,
        maximum: Any,
        cpu: int | None = None,
        memory: int | None = None,
        requests: RequestsPerTarget | None = None,
        backlog: BacklogPerTask | None = None,
        steps: CpuSteps | None = None,
        schedule: Sequence[ScheduledCapacity] = (),
        out_seconds: int = 60,
    ) -> None:
        if cpu is not None and steps is not None:
            raise SettingsError(
                f"steps: {name} follows CPU by target ({cpu} percent) already; give cpu or steps, not both"
            )
        self._name, self._service, self._out_seconds = name, service, out_seconds
        self.target = because(
            "The bounds that autoscaling keeps the number of tasks in; the service itself sets none.",
            applicationautoscaling.ScalableTarget(
                f"{name}ScalableTarget",
                ServiceNamespace="ecs",
                ScalableDimension=SERVICE_TASKS,
                ResourceId=service.scalable_id,
                MinCapacity=minimum,
                MaxCapacity=maximum,
            ),
            mutable="free-to-tune",
        )
        if schedule:
            self.target.ScheduledActions = [_scheduled(action) for action in schedule]
        self.policies = [
            *([self._track("Cpu", "ECSServiceAverageCPUUtilization", cpu)] if cpu is not None else []),
            *([self._track("Memory", "ECSServiceAverageMemoryUtilization", memory)] if memory is not None else []),
            *([self._track_requests(requests)] if requests is not None else []),
            *([self._track_backlog(backlog)] if backlog is not None else []),
        ]
        self.steps = self._steps(steps) if steps is not None else []

    def _track(self, kind: str, metric: str, percent: int) -> applicationautoscaling.ScalingPolicy:
        specification = applicationautoscaling.PredefinedMetricSpecification(PredefinedMetricType=metric)
        return self._tracking_policy(kind, specification, percent, f"Holds {WORDS[kind]} at {percent} percent.")

    def _track_requests(self, requests: RequestsPerTarget) -> applicationautoscaling.ScalingPolicy:
        label = Sub(
            f"${{{requests.load_balancer.load_balancer.title}.LoadBalancerFullName}}"
            f"/${{{requests.targets.target_group.title}.TargetGroupFullName}}"
        )
        specification = applicationautoscaling.PredefinedMetricSpecification(
            PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=label
        )
        why = f"Holds {requests.target} requests a minute for each task."
        return self._tracking_policy("Requests", specification, requests.target, why)

    def _track_backlog(self, backlog: BacklogPerTask) -> applicationautoscaling.ScalingPolicy:
        service = {"ClusterName": self._service.cluster_name, "ServiceName": self._service.service_name}
        specification = applicationautoscaling.CustomizedMetricSpecification(
            Metrics=[
                _stat("depth", backlog.namespace, backlog.metric, backlog.dimensions),
                _stat("tasks", CONTAINER_INSIGHTS, "RunningTaskCount", service),
                applicationautoscaling.TargetTrackingMetricDataQuery(
                    Id="backlog", Expression="depth / tasks", Label="Backlog per task", ReturnData=True
                ),
            ]
        )
        why = f"Holds {backlog.target:g} of {backlog.metric} for each task."
        return self._tracking_policy(backlog.metric, specification, backlog.target, why)

    def _tracking_policy(
        self,
        kind: str,
        metric: applicationautoscaling.PredefinedMetricSpecification
        | applicationautoscaling.CustomizedMetricSpecification,
        value: float,
        why: str,
    ) -> applicationautoscaling.ScalingPolicy:
        configuration = applicationautoscaling.TargetTrackingScalingPolicyConfiguration(TargetValue=value)
        if isinstance(metric, applicationautoscaling.PredefinedMetricSpecification):
            configuration.PredefinedMetricSpecification = metric
        else:
            configuration.CustomizedMetricSpecification = metric
        configuration.ScaleInCooldown = COOLDOWN_SECONDS
        configuration.ScaleOutCooldown = self._out_seconds
        return because(
            why,
            applicationautoscaling.ScalingPolicy(
                f"{self._name}{kind}Scaling",
                PolicyName=f"{self._name}-{kind.lower()}",
                PolicyType="TargetTrackingScaling",
                ScalingTargetId=self.target.ref(),
                TargetTrackingScalingPolicyConfiguration=configuration,
            ),
            mutable="free-to-tune",
        )

    def _steps(self, steps: CpuSteps) -> list[Any]:
        grow = self._step_policy("Out", 1, f"Adds a task while CPU is above {steps.out_above} percent.")
        shrink = self._step_policy("In", -1, f"Takes a task away while CPU is below {steps.in_below} percent.")
        high = self._cpu_alarm("High", "GreaterThanThreshold", steps.out_above, grow)
        low = self._cpu_alarm("Low", "LessThanThreshold", steps.in_below, shrink)
        return [grow, high, shrink, low]

    def _step_policy(self, direction: str, change: int, why: str) -> applicationautoscaling.ScalingPolicy:
        bound: dict[str, Any] = {"MetricIntervalLowerBound": 0} if change > 0 else {"MetricIntervalUpperBound": 0}
        return because(
            why,
            applicationautoscaling.ScalingPolicy(
                f"{self._name}Scale{direction}",
                PolicyName=f"{self._name}-scale-{direction.lower()}",
                PolicyType="StepScaling",
                ScalingTargetId=self.target.ref(),
                StepScalingPolicyConfiguration=applicationautoscaling.StepScalingPolicyConfiguration(
                    AdjustmentType="ChangeInCapacity",
                    Cooldown=COOLDOWN_SECONDS,
                    MetricAggregationType="Average",
                    StepAdjustments=[applicationautoscaling.StepAdjustment(ScalingAdjustment=change, **bound)],
                ),
            ),
            mutable="free-to-tune",
        )

    def _cpu_alarm(
        self, level: str, comparison: str, percent: int, policy: applicationautoscaling.ScalingPolicy
    ) -> cloudwatch.Alarm:
        words = f"CPU {'above' if level == 'High' else 'below'} {percent} percent"
        return because(
            f"{words}: the scaling policy listens to it.",
            cloudwatch.Alarm(
                f"{self._name}Cpu{level}",
                AlarmDescription=f"{words}; changes the number of tasks, nobody has to act",
                Namespace="AWS/ECS",
                MetricName="CPUUtilization",
                Dimensions=[
                    cloudwatch.MetricDimension(Name="ClusterName", Value=self._service.cluster_name),
                    cloudwatch.MetricDimension(Name="ServiceName", Value=self._service.service_name),
                ],
                Statistic="Average",
                Period=60,
                EvaluationPeriods=3 if level == "High" else 15,
                Threshold=percent,
                ComparisonOperator=comparison,
                TreatMissingData="notBreaching",
                AlarmActions=[policy.ref()],
            ),
            mutable="free-to-tune",
        )


def _stat(
    key: str, namespace: str, metric: str, dimensions: Mapping[str, Any]
) -> applicationautoscaling.TargetTrackingMetricDataQuery:
    named = [
        applicationautoscaling.TargetTrackingMetricDimension(Name=name, Value=value)
        for name, value in dimensions.items()
    ]
    return applicationautoscaling.TargetTrackingMetricDataQuery(
        Id=key,
        MetricStat=applicationautoscaling.TargetTrackingMetricStat(
            Metric=applicationautoscaling.TargetTrackingMetric(
                Namespace=namespace, MetricName=metric, Dimensions=named
            ),
            Stat="Average",
        ),
        ReturnData=False,
    )


def _scheduled(action: ScheduledCapacity) -> applicationautoscaling.ScheduledAction:
    return applicationautoscaling.ScheduledAction(
        ScheduledActionName=action.name,
        Schedule=action.schedule,
        Timezone=action.time_zone,
        ScalableTargetAction=applicationautoscaling.ScalableTargetAction(
            MinCapacity=action.minimum, MaxCapacity=action.maximum
        ),
    )
