"""How many tasks run: by target, by steps or by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from troposphere import Sub, applicationautoscaling, cloudwatch

from blueprints.components.fargate_service import FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.metrics import CONTAINER_INSIGHTS, ECS
from blueprints.components.metrics import LOAD_BALANCER as ELB
from blueprints.components.target_group import TargetGroup
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

COOLDOWN_SECONDS = 300
WORDS = {"Cpu": "CPU", "Memory": "memory"}
SERVICE_TASKS = "ecs:service:DesiredCount"
_REQUESTS = {"Namespace": ELB, "MetricName": "RequestCountPerTarget"}


@dataclass(frozen=True)
class RequestsPerTarget:
    """How many requests a minute one task should get; the label of the metric names both ends.

    Args:
        target: requests a minute.
        load_balancer: the load balancer of the same stack.
        targets: its target group.
        label: in place of these two what ``request_label`` made in the stack that has them, read from its output.

    Raises:
        SettingsError: neither both ends are given nor a label, or all of it.
    """

    target: int
    load_balancer: LoadBalancer | None = None
    targets: TargetGroup | None = None
    label: Any | None = None

    def __post_init__(self) -> None:
        ends = [self.load_balancer, self.targets]
        if ends.count(None) != (0 if self.label is None else 2):
            raise SettingsError(
                "RequestsPerTarget: give load_balancer and targets, or a label instead: a label names them both"
            )

    @property
    def resource_label(self) -> Any:
        """The load balancer and the target group as Application Auto Scaling takes them."""
        if self.load_balancer is None or self.targets is None:
            return self.label
        return request_label(self.load_balancer, self.targets)


@dataclass(frozen=True)
class BacklogPerTask:
    """How much waiting work one task should have.

    The depth of a queue that tasks share is divided by the number of running tasks: alone it would ask for ever more
    tasks, because it does not fall when one is added. A queue in each task needs no division, the average is per task.
    A metric that the application never writes holds scaling in back: all policies have to agree to it.
    """

    target: float
    namespace: str
    metric: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    shared: bool = True


@dataclass(frozen=True)
class CpuSteps:
    """Add a task above ``out_above`` percent of CPU, take one away below ``in_below``."""

    out_above: int
    in_below: int


@dataclass(frozen=True)
class RequestSteps:
    """Steps on the requests a minute that a task gets on average.

    A task goes below ``in_below`` requests, one comes above ``out_above`` and two come from ``far_above`` on. The full
    names are those of the metrics (``LoadBalancerFullName``, ``TargetGroupFullName``), from an output if another stack
    has them.

    Raises:
        SettingsError: the thresholds are not in order.
    """

    load_balancer: Any
    target_group: Any
    in_below: int = 100
    out_above: int = 500
    far_above: int = 1000

    def __post_init__(self) -> None:
        if not 0 < self.in_below < self.out_above < self.far_above:
            raise SettingsError(
                f"RequestSteps: {self.in_below}, {self.out_above}, {self.far_above} are not in order; give in_below, "
                "out_above and far_above, each larger than the one before and the first above 0"
            )


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
        steps: steps on CPU or on requests with an alarm each, or None.
        schedule: changes of the bounds by the clock.
        out_seconds: seconds after a policy has added tasks before it adds more; steps on CPU wait 300.

    Steps and a target on the same metric would pull at each other and are refused. Steps on requests beside targets on
    CPU and memory pull too: tracking takes tasks away only if every tracked metric allows it, a step asks nobody. So
    with few but heavy requests a step takes a task away, CPU rises above its target, and tracking brings it back.
    Where both want to add, the larger number of tasks is run.

    Raises:
        SettingsError: ``steps`` are on a metric that is held at a target as well.
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
        steps: CpuSteps | RequestSteps | None = None,
        schedule: Sequence[ScheduledCapacity] = (),
        out_seconds: int = 60,
    ) -> None:
        if cpu is not None and isinstance(steps, CpuSteps):
            raise SettingsError(
                f"steps: {name} follows CPU by target ({cpu} percent) already; give cpu or steps, not both"
            )
        if requests is not None and isinstance(steps, RequestSteps):
            raise SettingsError(
                f"steps: {name} follows requests by target ({requests.target}) already; "
                "give requests or steps, not both"
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
        self.steps: StepScaling | None = None
        if isinstance(steps, CpuSteps):
            self.steps = StepScaling(name, "Cpu", self.target, *_on_cpu(steps, service))
        elif steps is not None:
            self.steps = StepScaling(name, "Requests", self.target, *_on_requests(steps, out_seconds))

    def _track(self, kind: str, metric: str, percent: int) -> applicationautoscaling.ScalingPolicy:
        specification = applicationautoscaling.PredefinedMetricSpecification(PredefinedMetricType=metric)
        return self._tracking_policy(kind, specification, percent, f"Holds {WORDS[kind]} at {percent} percent.")

    def _track_requests(self, requests: RequestsPerTarget) -> applicationautoscaling.ScalingPolicy:
        specification = applicationautoscaling.PredefinedMetricSpecification(
            PredefinedMetricType="ALBRequestCountPerTarget", ResourceLabel=requests.resource_label
        )
        why = f"Holds {requests.target} requests a minute for each task."
        return self._tracking_policy("Requests", specification, requests.target, why)

    def _track_backlog(self, backlog: BacklogPerTask) -> applicationautoscaling.ScalingPolicy:
        service = {"ClusterName": self._service.cluster_name, "ServiceName": self._service.service_name}
        depth = _stat("depth", backlog.namespace, backlog.metric, backlog.dimensions)
        depth.ReturnData = not backlog.shared
        shares = [
            _stat("tasks", CONTAINER_INSIGHTS, "RunningTaskCount", service),
            applicationautoscaling.TargetTrackingMetricDataQuery(
                Id="backlog", Expression="depth / tasks", Label="Backlog per task", ReturnData=True
            ),
        ]
        specification = applicationautoscaling.CustomizedMetricSpecification(
            Metrics=[depth, *(shares if backlog.shared else [])]
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


@dataclass(frozen=True)
class _Way:
    """One direction of step scaling: what is watched, and what is done about it."""

    words: str
    metric: Mapping[str, Any]
    missing: str
    threshold: int
    steps: list[applicationautoscaling.StepAdjustment]
    why: str
    cooldown: int = COOLDOWN_SECONDS


class StepScaling(Component):
    """A policy that adds tasks, one that takes them away, and the alarm that each listens to."""

    def __init__(
        self, name: str, kind: str, target: applicationautoscaling.ScalableTarget, out: _Way, in_: _Way
    ) -> None:
        self._name, self._kind, self._target = name, kind, target
        self.grow = self._policy("Out", out)
        self.high = self._alarm("High", out, self.grow)
        self.shrink = self._policy("In", in_)
        self.low = self._alarm("Low", in_, self.shrink)

    def _policy(self, direction: str, way: _Way) -> applicationautoscaling.ScalingPolicy:
        return because(
            way.why,
            applicationautoscaling.ScalingPolicy(
                f"{self._name}Scale{direction}",
                PolicyName=f"{self._name}-scale-{direction.lower()}",
                PolicyType="StepScaling",
                ScalingTargetId=self._target.ref(),
                StepScalingPolicyConfiguration=applicationautoscaling.StepScalingPolicyConfiguration(
                    AdjustmentType="ChangeInCapacity",
                    Cooldown=way.cooldown,
                    MetricAggregationType="Average",
                    StepAdjustments=way.steps,
                ),
            ),
            mutable="free-to-tune",
        )

    def _alarm(self, level: str, way: _Way, policy: applicationautoscaling.ScalingPolicy) -> cloudwatch.Alarm:
        return because(
            f"{way.words}: the scaling policy listens to it.",
            cloudwatch.Alarm(
                f"{self._name}{self._kind}{level}",
                AlarmDescription=f"{way.words}; changes the number of tasks, nobody has to act",
                **way.metric,
                EvaluationPeriods=3 if level == "High" else 15,
                Threshold=way.threshold,
                ComparisonOperator="GreaterThanThreshold" if level == "High" else "LessThanThreshold",
                TreatMissingData=way.missing,
                AlarmActions=[policy.ref()],
            ),
            mutable="free-to-tune",
        )


def request_label(load_balancer: LoadBalancer, targets: TargetGroup) -> Sub:
    """The label that requests are counted under, put together in the stack that has both: as an output for others."""
    return Sub(
        f"${{{load_balancer.load_balancer.title}.LoadBalancerFullName}}"
        f"/${{{targets.target_group.title}.TargetGroupFullName}}"
    )


def _on_cpu(steps: CpuSteps, service: FargateService) -> tuple[_Way, _Way]:
    metric = {
        "Namespace": ECS,
        "MetricName": "CPUUtilization",
        "Dimensions": _dimensions({"ClusterName": service.cluster_name, "ServiceName": service.service_name}),
        "Statistic": "Average",
        "Period": 60,
    }
    out = _Way(
        words=f"CPU above {steps.out_above} percent",
        metric=metric,
        missing="notBreaching",
        threshold=steps.out_above,
        steps=[applicationautoscaling.StepAdjustment(ScalingAdjustment=1, MetricIntervalLowerBound=0)],
        why=f"Adds a task while CPU is above {steps.out_above} percent.",
    )
    in_ = _Way(
        words=f"CPU below {steps.in_below} percent",
        metric=metric,
        missing="notBreaching",
        threshold=steps.in_below,
        steps=[applicationautoscaling.StepAdjustment(ScalingAdjustment=-1, MetricIntervalUpperBound=0)],
        why=f"Takes a task away while CPU is below {steps.in_below} percent.",
    )
    return out, in_


def _on_requests(steps: RequestSteps, out_seconds: int) -> tuple[_Way, _Way]:
    names = _dimensions({"LoadBalancer": steps.load_balancer, "TargetGroup": steps.target_group})
    far = steps.far_above - steps.out_above
    # Sum is the metric's only valid statistic, and means the average over the targets (Elastic Load Balancing,
    # "CloudWatch metrics for your Application Load Balancer"). It is not reported while there are no requests.
    out = _Way(
        words=f"Above {steps.out_above} requests a minute and task",
        metric={**_REQUESTS, "Dimensions": names, "Statistic": "Sum", "Period": 60},
        missing="notBreaching",
        threshold=steps.out_above,
        steps=[
            applicationautoscaling.StepAdjustment(
                ScalingAdjustment=1, MetricIntervalLowerBound=0, MetricIntervalUpperBound=far
            ),
            applicationautoscaling.StepAdjustment(ScalingAdjustment=2, MetricIntervalLowerBound=far),
        ],
        why=f"Adds a task above {steps.out_above} requests a minute and task, and two from {steps.far_above} on.",
        cooldown=out_seconds,
    )
    in_ = _Way(
        words=f"Below {steps.in_below} requests a minute and task",
        metric={"Metrics": _filled(names)},
        missing="breaching",
        threshold=steps.in_below,
        steps=[applicationautoscaling.StepAdjustment(ScalingAdjustment=-1, MetricIntervalUpperBound=0)],
        why=f"Takes a task away below {steps.in_below} requests a minute and task.",
    )
    return out, in_


def _filled(names: list[cloudwatch.MetricDimension]) -> list[cloudwatch.MetricDataQuery]:
    """Requests a minute and task, and 0 for a minute without any: a step is chosen by a value, so there has to be one.

    What is missing although it is filled counts as little traffic too.
    """
    metric = cloudwatch.Metric(**_REQUESTS, Dimensions=names)
    return [
        cloudwatch.MetricDataQuery(
            Id="requests", MetricStat=cloudwatch.MetricStat(Metric=metric, Period=60, Stat="Sum"), ReturnData=False
        ),
        cloudwatch.MetricDataQuery(
            Id="filled", Expression="FILL(requests, 0)", Label="Requests a minute and task", ReturnData=True
        ),
    ]


def _dimensions(names: Mapping[str, Any]) -> list[cloudwatch.MetricDimension]:
    return [cloudwatch.MetricDimension(Name=name, Value=value) for name, value in names.items()]


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
