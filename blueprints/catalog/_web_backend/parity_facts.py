"""What is true of each runtime, read from its stacks and settings, in the words of the page that compares them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from blueprints.components.target_group import DEREGISTRATION_SECONDS
from blueprints.model.stack import Stack

ALARM = "AWS::CloudWatch::Alarm"
BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"

ROWS = (
    "What runs",
    "Size of a copy",
    "How many copies",
    "A new version",
    "What turns it back",
    "Migration",
    "The way in",
    "Who makes the load balancer",
    "Health",
    "Secrets",
    "A new value of a secret",
    "The application's role",
    "Log",
    "Who patches",
    "What it costs you in control",
)


@dataclass(frozen=True)
class Runtime:
    """A runtime with its settings and stacks; with none, and a reason, where it does not take the settings."""

    architecture: str
    settings: Any
    stacks: tuple[Stack, ...]
    refused: str = ""

    @property
    def own_settings(self) -> list[str]:
        """Names of all its settings."""
        return list(type(self.settings).model_fields)

    @property
    def total(self) -> int:
        """How many resources it has."""
        return sum(len(stack.resources) for stack in self.stacks)

    @property
    def types(self) -> Counter[str]:
        """How many resources of each kind."""
        return Counter(str(one.resource_type) for stack in self.stacks for one in stack.resources.values())

    def all(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical ids and properties of the resources of a kind."""
        return {
            name: one.to_dict().get("Properties", {})
            for stack in self.stacks
            for name, one in stack.resources.items()
            if one.resource_type == kind
        }

    def one(self, kind: str) -> dict[str, Any]:
        """The properties of the only resource of a kind."""
        (properties,) = self.all(kind).values()
        return properties

    def default(self, parameter: str) -> Any:
        """The default of a parameter, which is the same in all stacks that have it."""
        (default,) = {str(one.parameters[parameter].Default) for one in self.stacks if parameter in one.parameters}
        return default

    @property
    def processor(self) -> str:
        """What the image is built for."""
        return "arm64" if self.settings.arm else "x86_64"


def _way_in(runtime: Runtime) -> str:
    """The public name and whether it speaks HTTPS."""
    settings = runtime.settings
    if getattr(settings, "api_through_cloudfront", False):
        name = "the domain" if settings.https == "domain" else "CloudFront's own name"
        return f"CloudFront with HTTPS under {name}, then the load balancer, which answers CloudFront alone"
    if settings.https == "off":
        return "load balancer under its own name, HTTP"
    plain = "closed" if runtime.architecture == "web-backend-beanstalk" else "redirected"
    name = "the domain" if settings.https == "domain" else "a name of yours, with your certificate"
    return f"load balancer with HTTPS under {name}; HTTP is {plain}"


def _asked(runtime: Runtime, inside: str) -> str:
    settings = runtime.settings
    checks = runtime.all("AWS::Route53::HealthCheck").values()
    outside = "".join(f"; Route 53 asks `{one['HealthCheckConfig']['ResourcePath']}` from outside" for one in checks)
    return f"load balancer asks `{settings.health_check_path}`; {inside}{outside}"


def _bounds(settings: Any) -> str:
    return f"{settings.minimum_capacity} to {settings.maximum_capacity}"


def _fargate(runtime: Runtime) -> dict[str, str]:
    settings = runtime.settings
    cpu, memory = runtime.default("TaskCpu"), runtime.default("TaskMemory")
    policies = runtime.all("AWS::ApplicationAutoScaling::ScalingPolicy").values()
    targets = [one["TargetTrackingScalingPolicyConfiguration"] for one in policies]
    held = {
        one["PredefinedMetricSpecification"]["PredefinedMetricType"].removeprefix("ECSServiceAverage"): one[
            "TargetValue"
        ]
        for one in targets
    }
    scaled = " and ".join(f"{name.removesuffix('Utilization')} at {value:g} %" for name, value in held.items())
    return {
        "What runs": f"ECS tasks on Fargate ({settings.capacity}), {runtime.processor}",
        "Size of a copy": f"{int(cpu) / 1024:g} vCPU and {memory} MiB, of its own",
        "How many copies": f"{runtime.default('MinimumTasks')} to {runtime.default('MaximumTasks')} tasks; {scaled}",
        "The way in": _way_in(runtime),
        "Who makes the load balancer": "CloudFormation, in the stack platform",
        "Health": _asked(runtime, "ECS asks the same inside the task"),
        **_fargate_operation(runtime),
    }


def _fargate_operation(runtime: Runtime) -> dict[str, str]:
    configuration = runtime.one("AWS::ECS::Service")["DeploymentConfiguration"]
    green = configuration.get("Strategy") == "BLUE_GREEN"
    alarms = len(configuration["Alarms"]["AlarmNames"])
    back = f"the circuit breaker and {alarms} alarm" + "s" * (alarms > 1)
    steps = [step for stack in runtime.stacks for step in stack.tasks]
    before = "a one-off task of the new image between the stacks migration and service"
    return {
        "A new version": "blue/green: all traffic at once, to a second target group"
        if green
        else "rolling: new tasks beside the old ones, none less than before",
        "What turns it back": f"{back}, by themselves; `blueprints deploy` sees it as a failed stack",
        "Migration": f"{before}; a failure leaves the service untouched" if steps else "none",
        "Secrets": "ECS reads them when a task starts, with the execution role",
        "A new value of a secret": "new tasks (`aws ecs update-service --force-new-deployment`)",
        "The application's role": "the task role, which may do nothing; pull, log and secrets are the execution role's",
        "Log": "log group of the stack service, by awslogs",
        "Who patches": "AWS, but for the image: tasks are replaced when Fargate's platform retires",
        "What it costs you in control": "no access to the host, no DaemonSets, fixed pairs of CPU and memory, "
        "30 to 90 seconds until a further task answers",
    }


def _eks(runtime: Runtime) -> dict[str, str]:
    settings = runtime.settings
    by_stack = BALANCER in runtime.types
    return {
        "What runs": f"pods of a Deployment {_nodes(runtime)}, {runtime.processor}",
        "Size of a copy": f"{settings.cpu / 1024:g} vCPU, and more while it is free; {settings.memory} MiB",
        "How many copies": f"{_bounds(settings)} pods; CPU at {settings.target_cpu} % by a HorizontalPodAutoscaler"
        + ("; nodes are added by an autoscaler of yours, or none" if settings.compute == "nodes" else ""),
        "The way in": _way_in(runtime),
        "Who makes the load balancer": "CloudFormation, in the stack platform; its controller in the cluster registers "
        "the pods (TargetGroupBinding)"
        if by_stack
        else "the AWS Load Balancer Controller, for an Ingress; delete the Ingress before the stacks",
        "Health": _asked(runtime, "Kubernetes asks the same for start, readiness and life"),
        **_eks_operation(runtime),
    }


def _nodes(runtime: Runtime) -> str:
    if runtime.settings.compute == "fargate":
        return "on Fargate, each with a size of Fargate's"
    group = runtime.one("AWS::EKS::Nodegroup")
    scaling = group["ScalingConfig"]
    nodes = f"{scaling['MinSize']} to {scaling['MaxSize']} nodes {', '.join(group['InstanceTypes'])}"
    return f"on {nodes} ({runtime.settings.node_capacity})"


def _eks_operation(runtime: Runtime) -> dict[str, str]:
    nodes = runtime.settings.compute == "nodes"
    jobs = [step.job for stack in runtime.stacks for step in stack.workloads if step.job]
    reader = "the Secrets Store CSI driver" if nodes else "the External Secrets Operator"
    identity = "EKS Pod Identity" if nodes else "an IAM role for its service account (IRSA)"
    return {
        "A new version": "rolling: new pods beside the old ones, none less than before; `blueprints apply` after the "
        "stacks",
        "What turns it back": "`blueprints apply`, when the rollout does not come to its end (`kubectl rollout undo`); "
        "the old pods go on meanwhile",
        "Migration": "a Job of the new image; a failure leaves the Deployment untouched" if jobs else "none",
        "Secrets": f"{reader} reads them with the pod's role and makes a Kubernetes Secret of them",
        "A new value of a secret": "new pods (`kubectl rollout restart`)",
        "The application's role": f"by {identity}; it may read the application's own secrets",
        "Log": "log group of the stack cluster, by "
        + ("the CloudWatch agent's Fluent Bit" if nodes else "Fargate's log router"),
        "Who patches": "you start it: Kubernetes versions, add-ons"
        + (", nodes" if nodes else "")
        + " and charts have versions of their own, and each Kubernetes version an end",
        "What it costs you in control": f"all of Kubernetes is yours to decide and to keep; pods take "
        f"{DEREGISTRATION_SECONDS} seconds and more to go; two tools instead of one",
    }


def _options(runtime: Runtime) -> dict[str, str]:
    """The option settings of the environment by their name alone, where that is enough."""
    settings = runtime.one("AWS::ElasticBeanstalk::Environment")["OptionSettings"]
    return {one["OptionName"]: one["Value"] for one in settings}


def _beanstalk(runtime: Runtime) -> dict[str, str]:
    options = _options(runtime)
    scaled = f"one more above {options['UpperThreshold']} % CPU, one less below {options['LowerThreshold']} %"
    return {
        "What runs": f"containers by Docker Compose on instances {options['InstanceTypes']}, {runtime.processor}: the "
        "application, and nginx before it",
        "Size of a copy": "its instance, which it shares with nginx and the agents of Elastic Beanstalk",
        "How many copies": f"{options['MinSize']} to {options['MaxSize']} instances with one each; {scaled}",
        "The way in": _way_in(runtime),
        "Who makes the load balancer": "Elastic Beanstalk, in a stack of its own",
        "Health": _asked(
            runtime, "Docker asks the same before nginx sends anything, and the health agent reads nginx's log"
        ),
        **_beanstalk_operation(runtime, options),
    }


def _beanstalk_operation(runtime: Runtime, options: Mapping[str, str]) -> dict[str, str]:
    policies = {
        "RollingWithAdditionalBatch": f"rolling: {options.get('BatchSize', '')} % of the instances at a time, first on "
        "further ones",
        "Immutable": "immutable: on new instances, which then join",
        "TrafficSplitting": f"traffic splitting: new instances get {options.get('NewVersionPercent', '')} % of the "
        f"requests for {options.get('EvaluationTime', '')} minutes",
    }
    return {
        "A new version": policies[options["DeploymentPolicy"]],
        "What turns it back": "Elastic Beanstalk stops when instances do not get well; CloudFormation does not always "
        "notice, so `blueprints deploy` asks the environment and says which version runs",
        "Migration": "a container command on one instance, before the containers are replaced; a failure stops the "
        "deployment"
        if runtime.settings.migration
        else "none",
        "Secrets": "the instance reads them when it starts or is deployed to, with its role (environmentsecrets)",
        "A new value of a secret": "a deployment, or `aws elasticbeanstalk restart-app-server`",
        "The application's role": "the instance's: containers reach what pulls the image, reads the secrets and writes "
        "logs",
        "Log": f"log group of the stack service, by Docker's awslogs; {options['RetentionInDays']} days for those of "
        "the platform",
        "Who patches": f"Elastic Beanstalk, {options['PreferredStartTime']} UTC on new instances"
        if options["ManagedActionsEnabled"] == "true"
        else "you: managed updates are off",
        "What it costs you in control": "the load balancer and the instances belong to Elastic Beanstalk's stack; "
        "what has no option cannot be said; an instance is the least step",
    }


def _unless_refused(facts: Callable[[Runtime], dict[str, str]]) -> Callable[[Runtime], dict[str, str]]:
    return lambda runtime: dict.fromkeys(ROWS, "") if runtime.refused else facts(runtime)


# What is true of a runtime, by its architecture: a text for each of ROWS.
FACTS: dict[str, Callable[[Runtime], dict[str, str]]] = {
    "web-backend-fargate": _unless_refused(_fargate),
    "web-backend-eks": _unless_refused(_eks),
    "web-backend-beanstalk": _unless_refused(_beanstalk),
}
