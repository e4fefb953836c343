from __future__ import annotations

from math import inf

import pytest

from blueprints.components.autoscaling import (
    Autoscaling,
    BacklogPerTask,
    CpuSteps,
    RequestsPerTarget,
    RequestSteps,
    ScheduledCapacity,
    request_label,
)
from blueprints.model.errors import SettingsError
from blueprints.render.template import to_dict
from tests.support.service import service

pytestmark = [pytest.mark.row("CA-10"), pytest.mark.row("FR-06")]

NIGHT = ScheduledCapacity("night", "cron(0 20 * * ? *)", 0, 0, "Europe/Berlin")
MORNING = ScheduledCapacity("morning", "cron(0 6 ? * MON-FRI *)", 1, 4, "Europe/Berlin")


@pytest.fixture
def scaled(stack_of):
    """The resources of a stack with a service that is scaled in these ways."""

    def make(*, requests=None, **ways):
        made = service(stack_of(), tasks=None)
        per_target = RequestsPerTarget(requests, made.balancer, made.targets) if requests else None
        scaling = Autoscaling("Api", service=made.fargate, minimum=1, maximum=4, requests=per_target, **ways)
        return made.stack.add(scaling), made.stack

    return make


def properties(stack, logical_id):
    return to_dict(stack)["Resources"][logical_id]["Properties"]


def test_logical_ids_are_a_promise(scaled):
    by_target = scaled(cpu=70, memory=80, requests=1000)[0]
    by_steps = scaled(steps=CpuSteps(70, 30))[0]
    assert [resource.title for resource in by_target.resources()] == [
        "ApiScalableTarget",
        "ApiCpuScaling",
        "ApiMemoryScaling",
        "ApiRequestsScaling",
    ]
    assert [resource.title for resource in by_steps.resources()][1:] == [
        "ApiScaleOut",
        "ApiCpuHigh",
        "ApiScaleIn",
        "ApiCpuLow",
    ]


QUEUE = BacklogPerTask(5, "RecipeChatbot/LLM", "QueueDepth", {"Service": "Backend"})


@pytest.mark.parametrize(
    "ways",
    [
        {"cpu": 70, "memory": 80, "requests": 1000, "backlog": QUEUE, "out_seconds": 300},
        {"steps": CpuSteps(70, 30), "schedule": [NIGHT, MORNING]},
        {"cpu": 70, "memory": 80, "steps": RequestSteps("app/x/1", "targetgroup/y/2")},
    ],
    ids=["targets", "steps-and-clock", "targets-and-steps-on-requests"],
)
def test_no_linter_finds_anything(scaled, findings, ways):
    assert findings(scaled(**ways)[1]) == []


def test_the_bounds_hold_for_the_service(scaled):
    target = properties(scaled()[1], "ApiScalableTarget")
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 4)
    assert (target["ServiceNamespace"], target["ScalableDimension"]) == ("ecs", "ecs:service:DesiredCount")
    assert target["ResourceId"] == {
        "Fn::Join": ["/", ["service", {"Ref": "ApiCluster"}, {"Fn::GetAtt": ["ApiService", "Name"]}]]
    }
    # Application Auto Scaling uses its service-linked role where none is named.
    assert "RoleARN" not in target


@pytest.mark.parametrize(
    ("way", "logical_id", "metric"),
    [
        ({"cpu": 70}, "ApiCpuScaling", "ECSServiceAverageCPUUtilization"),
        ({"memory": 70}, "ApiMemoryScaling", "ECSServiceAverageMemoryUtilization"),
    ],
)
def test_a_percentage_is_held(scaled, way, logical_id, metric):
    policy = properties(scaled(**way)[1], logical_id)
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert policy["PolicyType"] == "TargetTrackingScaling"
    assert policy["ScalingTargetId"] == {"Ref": "ApiScalableTarget"}
    assert tracking["TargetValue"] == 70
    assert tracking["PredefinedMetricSpecification"] == {"PredefinedMetricType": metric}


def test_requests_are_counted_at_this_load_balancer_and_target_group(scaled):
    policy = properties(scaled(requests=1000)[1], "ApiRequestsScaling")
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == 1000
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "ALBRequestCountPerTarget",
        "ResourceLabel": {
            "Fn::Sub": "${PublicLoadBalancer.LoadBalancerFullName}/${ApiTargetGroup.TargetGroupFullName}"
        },
    }


def test_it_grows_faster_than_it_shrinks(scaled):
    tracking = properties(scaled(cpu=70)[1], "ApiCpuScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["ScaleOutCooldown"] < tracking["ScaleInCooldown"]


def test_steps_add_one_task_above_and_take_one_away_below(scaled):
    stack = scaled(steps=CpuSteps(out_above=70, in_below=30))[1]
    out, in_ = (properties(stack, f"ApiScale{way}")["StepScalingPolicyConfiguration"] for way in ("Out", "In"))
    assert out["StepAdjustments"] == [{"ScalingAdjustment": 1, "MetricIntervalLowerBound": 0}]
    assert in_["StepAdjustments"] == [{"ScalingAdjustment": -1, "MetricIntervalUpperBound": 0}]
    assert out["AdjustmentType"] == in_["AdjustmentType"] == "ChangeInCapacity"


@pytest.mark.parametrize(
    ("alarm", "comparison", "threshold", "policy"),
    [
        ("ApiCpuHigh", "GreaterThanThreshold", 70, "ApiScaleOut"),
        ("ApiCpuLow", "LessThanThreshold", 30, "ApiScaleIn"),
    ],
)
def test_each_step_listens_to_an_alarm_on_the_services_cpu(scaled, alarm, comparison, threshold, policy):
    made = properties(scaled(steps=CpuSteps(out_above=70, in_below=30))[1], alarm)
    assert (made["ComparisonOperator"], made["Threshold"]) == (comparison, threshold)
    assert made["AlarmActions"] == [{"Ref": policy}]
    assert (made["Namespace"], made["MetricName"]) == ("AWS/ECS", "CPUUtilization")
    assert made["Dimensions"] == [
        {"Name": "ClusterName", "Value": {"Ref": "ApiCluster"}},
        {"Name": "ServiceName", "Value": {"Fn::GetAtt": ["ApiService", "Name"]}},
    ]


def test_bounds_change_by_the_clock(scaled):
    target = properties(scaled(schedule=[NIGHT, MORNING])[1], "ApiScalableTarget")
    assert target["ScheduledActions"][0] == {
        "ScheduledActionName": "night",
        "Schedule": "cron(0 20 * * ? *)",
        "Timezone": "Europe/Berlin",
        "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0},
    }
    assert [action["ScheduledActionName"] for action in target["ScheduledActions"]] == ["night", "morning"]


def test_without_a_schedule_the_clock_changes_nothing(scaled):
    assert "ScheduledActions" not in properties(scaled(cpu=70)[1], "ApiScalableTarget")


def test_cpu_is_followed_in_one_way_only(scaled):
    with pytest.raises(SettingsError, match=r"steps: Api follows CPU by target \(70 percent\) already"):
        scaled(cpu=70, steps=CpuSteps(70, 30))


@pytest.mark.row("RC-15")
def test_a_queue_is_shared_out_among_the_running_tasks(scaled):
    policy = properties(scaled(backlog=QUEUE)[1], "ApiQueueDepthScaling")["TargetTrackingScalingPolicyConfiguration"]
    depth, tasks, backlog = policy["CustomizedMetricSpecification"]["Metrics"]
    assert policy["TargetValue"] == 5
    assert depth["MetricStat"]["Metric"] == {
        "Namespace": "RecipeChatbot/LLM",
        "MetricName": "QueueDepth",
        "Dimensions": [{"Name": "Service", "Value": "Backend"}],
    }
    assert tasks["MetricStat"]["Metric"]["MetricName"] == "RunningTaskCount"
    assert (backlog["Expression"], backlog["ReturnData"]) == ("depth / tasks", True)
    assert not depth["ReturnData"]
    assert not tasks["ReturnData"]


@pytest.mark.row("RC-15")
def test_it_can_be_made_to_grow_as_slowly_as_it_shrinks(scaled):
    policy = properties(scaled(cpu=70, out_seconds=300)[1], "ApiCpuScaling")["TargetTrackingScalingPolicyConfiguration"]
    assert (policy["ScaleOutCooldown"], policy["ScaleInCooldown"]) == (300, 300)


# Steps on requests, beside targets on CPU and memory

REQUESTS = RequestSteps("app/mealprep/50dc6c495c0c9188", "targetgroup/api/73e2d6bc24d8a067")
BESIDE = {"cpu": 70, "memory": 80, "steps": REQUESTS}
COUNTED_BY = [
    {"Name": "LoadBalancer", "Value": "app/mealprep/50dc6c495c0c9188"},
    {"Name": "TargetGroup", "Value": "targetgroup/api/73e2d6bc24d8a067"},
]


@pytest.mark.row("MP-16")
def test_logical_ids_of_steps_on_requests_are_a_promise(scaled):
    assert [resource.title for resource in scaled(**BESIDE)[0].resources()] == [
        "ApiScalableTarget",
        "ApiCpuScaling",
        "ApiMemoryScaling",
        "ApiScaleOut",
        "ApiRequestsHigh",
        "ApiScaleIn",
        "ApiRequestsLow",
    ]


def changes(stack, requests):
    """By how many tasks the policies answer so many requests a minute and task, as Application Auto Scaling decides."""
    made = to_dict(stack)["Resources"]
    total = 0
    for alarm, policy, breached in (
        ("ApiRequestsHigh", "ApiScaleOut", lambda value, threshold: value > threshold),
        ("ApiRequestsLow", "ApiScaleIn", lambda value, threshold: value < threshold),
    ):
        threshold = made[alarm]["Properties"]["Threshold"]
        if breached(requests, threshold):
            distance = requests - threshold
            steps = made[policy]["Properties"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
            total += sum(
                step["ScalingAdjustment"]
                for step in steps
                if step.get("MetricIntervalLowerBound", -inf) <= distance < step.get("MetricIntervalUpperBound", inf)
            )
    return total


@pytest.mark.row("MP-16")
@pytest.mark.parametrize(
    ("requests", "change"), [(0, -1), (99, -1), (100, 0), (300, 0), (500, 0), (501, 1), (999, 1), (1001, 2), (9000, 2)]
)
def test_tasks_come_and_go_with_requests(scaled, requests, change):
    assert changes(scaled(**BESIDE)[1], requests) == change


@pytest.mark.row("MP-16")
def test_much_traffic_is_the_sum_of_a_minute_which_is_the_average_of_the_targets(scaled):
    made = properties(scaled(**BESIDE)[1], "ApiRequestsHigh")
    assert (made["Namespace"], made["MetricName"]) == ("AWS/ApplicationELB", "RequestCountPerTarget")
    assert (made["Statistic"], made["Period"]) == ("Sum", 60)
    assert made["Dimensions"] == COUNTED_BY
    assert (made["ComparisonOperator"], made["Threshold"]) == ("GreaterThanThreshold", 500)
    assert made["TreatMissingData"] == "notBreaching"
    assert made["AlarmActions"] == [{"Ref": "ApiScaleOut"}]


@pytest.mark.row("MP-16")
def test_no_traffic_at_all_is_little_traffic(scaled):
    made = properties(scaled(**BESIDE)[1], "ApiRequestsLow")
    counted, filled = made["Metrics"]
    assert counted["MetricStat"] == {
        "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": "RequestCountPerTarget", "Dimensions": COUNTED_BY},
        "Period": 60,
        "Stat": "Sum",
    }
    assert (filled["Expression"], filled["ReturnData"]) == (f"FILL({counted['Id']}, 0)", True)
    assert not counted["ReturnData"]
    assert (made["ComparisonOperator"], made["Threshold"]) == ("LessThanThreshold", 100)
    assert made["TreatMissingData"] == "breaching"
    assert made["AlarmActions"] == [{"Ref": "ApiScaleIn"}]


@pytest.mark.row("MP-16")
def test_it_shrinks_later_and_slower_than_it_grows(scaled):
    stack = scaled(out_seconds=60, **BESIDE)[1]
    high, low = (properties(stack, f"ApiRequests{level}")["EvaluationPeriods"] for level in ("High", "Low"))
    out, in_ = (
        properties(stack, f"ApiScale{way}")["StepScalingPolicyConfiguration"]["Cooldown"] for way in ("Out", "In")
    )
    assert (high, low) == (3, 15)
    assert (out, in_) == (60, 300)


def test_requests_are_followed_in_one_way_only(scaled):
    with pytest.raises(SettingsError, match=r"steps: Api follows requests by target \(1000\) already"):
        scaled(requests=1000, steps=REQUESTS)


@pytest.mark.parametrize("thresholds", [(0, 500, 1000), (500, 500, 1000), (100, 1000, 1000), (1000, 500, 100)])
def test_thresholds_out_of_order_are_refused(thresholds):
    with pytest.raises(SettingsError, match="are not in order; give in_below, out_above and far_above"):
        RequestSteps("a", "b", *thresholds)


@pytest.mark.row("MP-16")
def test_requests_can_be_counted_at_a_load_balancer_of_another_stack(stack_of):
    there = service(stack_of(), tasks=None)
    there.stack.name = "platform"
    there.stack.output("RequestLabel", request_label(there.balancer, there.targets), "Where requests are counted")
    here = service(stack_of(), tasks=None)
    label = here.stack.from_stack(there.stack, "RequestLabel")
    here.stack.add(
        Autoscaling("Api", service=here.fargate, minimum=1, maximum=4, requests=RequestsPerTarget(1000, label=label))
    )
    tracking = properties(here.stack, "ApiRequestsScaling")["TargetTrackingScalingPolicyConfiguration"]
    read = tracking["PredefinedMetricSpecification"]["ResourceLabel"]["Fn::GetStackOutput"]
    assert read["OutputName"] == "RequestLabel"
    assert to_dict(there.stack)["Outputs"]["RequestLabel"]["Value"] == {
        "Fn::Sub": "${PublicLoadBalancer.LoadBalancerFullName}/${ApiTargetGroup.TargetGroupFullName}"
    }


def test_a_label_comes_instead_of_both_ends_and_never_beside_one(stack_of):
    made = service(stack_of(), tasks=None)
    for ends in ({}, {"targets": made.targets}, {"load_balancer": made.balancer, "label": "x"}):
        with pytest.raises(SettingsError, match="give load_balancer and targets, or a label instead"):
            RequestsPerTarget(1000, **ends)
