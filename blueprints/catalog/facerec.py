"""Face Recognition API: one Fargate service behind a load balancer, with faces in S3 and vectors at Pinecone."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from troposphere import Sub

from blueprints.access import grants
from blueprints.access.connections import connect, reach_everything, reach_https
from blueprints.catalog._web_service import (
    FrontDoor,
    access_logs,
    ask_for_image,
    container_of,
    keep_access_logs,
    monitoring_stack,
    network_stack,
    place,
    protect,
    registry_stack,
    show,
    targets_of,
    task_bounds,
)
from blueprints.catalog._web_settings import WebServiceSettings
from blueprints.components.autoscaling import Autoscaling, CpuSteps
from blueprints.components.backup import Backup
from blueprints.components.blue_green import BlueGreen
from blueprints.components.bucket import Bucket
from blueprints.components.cluster import Cluster
from blueprints.components.container import Container
from blueprints.components.fargate_service import FargateService
from blueprints.components.load_balancer import LoadBalancer
from blueprints.components.network import Network
from blueprints.components.pipeline import (
    Deployment,
    Pipeline,
    SourceCode,
    as_text,
    deployment_role_arn,
    source_branch,
    source_repository,
)
from blueprints.components.repository import image_uri
from blueprints.components.rollout import Rollout
from blueprints.components.secret import SecretValue
from blueprints.components.target_group import TargetGroup
from blueprints.components.task_size import TaskSize
from blueprints.model.errors import SettingsError
from blueprints.model.parameters import StackParameter
from blueprints.model.stack import SecretSource, Stack

REPOSITORY = "facerec-api"
DOCUMENTED_PORT = 8000

# Elastic Load Balancing's limit for the names of load balancers and target groups.
LONGEST_NAME = 32


class Settings(WebServiceSettings):
    """Settings of the Face Recognition API."""

    project: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{1,22}[a-z0-9]$")] = "facerec"
    """First part of every stack's name and the value of the tag Project."""
    task_cpu: int = 1024
    """CPU units of a task (default of the parameter TaskCpu); 1024 are one vCPU."""
    task_memory: int = 4096
    """Memory of a task in MiB (default of the parameter TaskMemory)."""
    maximum_tasks: Annotated[int, Field(ge=1, le=100)] = 2
    """Most tasks under autoscaling (default of the parameter MaximumTasks)."""
    scale_out_above: Annotated[int, Field(ge=2, le=99)] = 70
    """Percent of CPU above which a task is added."""
    scale_in_below: Annotated[int, Field(ge=1, le=98)] = 30
    """Percent of CPU below which a task is taken away."""
    start_seconds: Annotated[int, Field(ge=0, le=300)] = 120
    """Seconds that a task may take to get well after its start: it loads its models first."""
    application_environment: Annotated[str, Field(max_length=64)] = "production"
    """Value of the container's variable ENVIRONMENT."""
    parameter_path: Annotated[str, Field(max_length=48, pattern=r"^(/[A-Za-z0-9_.-]+)+/$")] = "/facerec/"
    """Path of the SSM SecureString parameters that hold the service's keys."""
    access_keys: bool = False
    """Give the container long-lived AWS keys from SSM, for a system that cannot use its task role yet."""
    bucket: Literal["create", "existing"] = "create"
    """Make the bucket for faces, or take the name of one that exists as a parameter."""
    task_egress: Literal["all", "https"] = "all"
    """What tasks may open connections to: everything, as the document has it, or HTTPS only."""
    documented_names: bool = True
    """Name resources as the document does, with the environment; off lets CloudFormation name them, so that each can be
    replaced."""
    deployment: Literal["rolling", "blue-green"] = "rolling"
    """Roll new tasks in with a circuit breaker, or let ECS move traffic between two target groups."""
    backup: bool = False
    """Back the bucket up daily with AWS Backup."""
    backup_days: Annotated[int, Field(ge=1, le=3650)] = 35
    """Days that a backup is kept."""
    pipeline: bool = False
    """A stack with a CodePipeline that builds the image, pushes it and deploys the service."""

    @model_validator(mode="after")
    def _belongs_together(self) -> Settings:
        if self.scale_in_below >= self.scale_out_above:
            raise SettingsError(
                f"scale_in_below: {self.scale_in_below} has to be less than scale_out_above ({self.scale_out_above}), "
                "or tasks would come and go without end"
            )
        if self.backup and self.bucket == "existing":
            raise SettingsError(
                "backup: needs bucket to be 'create'; a bucket that exists is backed up where it was made"
            )
        longest = self.documented("alb")
        if self.documented_names and len(longest) > LONGEST_NAME:
            raise SettingsError(
                f"documented_names: {longest!r} is longer than the {LONGEST_NAME} characters that Elastic Load "
                "Balancing takes; shorten project or environment, or turn documented_names off"
            )
        return self

    def documented(self, part: str = "") -> str:
        """The document's name of a part, with the environment."""
        return "-".join(filter(None, [self.project, "api", part, self.environment]))

    def name(self, part: str = "") -> str | None:
        """The physical name of a part, or None to leave it to CloudFormation."""
        return self.documented(part) if self.documented_names else None


def build(settings: Settings) -> list[Stack]:
    """Images, the network, the faces, the service and, where asked for, its pipeline."""
    network = network_stack(settings, dual_stack=settings.dual_stack)
    data = _data(settings)
    service = _service(settings, network, data)
    monitoring = monitoring_stack(settings, service, name="Api")
    pipeline = _pipeline(settings, service) if settings.pipeline else None
    registry = registry_stack(settings, {"Api": REPOSITORY})
    stacks = (registry, network, data, service, monitoring, pipeline)
    return [stack for stack in stacks if stack is not None and stack.resources]


def _data(settings: Settings) -> Stack:
    """The bucket with the faces: biometric data, so nothing about it is optional but the backup; and access logs."""
    stack = Stack(
        "data",
        settings,
        description=f"What {settings.project} {settings.environment} must not lose",
        arch="One private bucket for faces and their embeddings",
        must=["Faces are biometric data: encrypted, private, over TLS only"],
    )
    keep_access_logs(stack, settings)
    if settings.bucket == "existing":
        return stack
    faces = stack.add(Bucket("Faces", why="Holds faces and their embeddings for the recognition service."))
    stack.output("FacesBucketName", faces.bucket.ref(), "The bucket with the faces")
    stack.output("FacesBucketObjects", Sub(f"${{{faces.bucket.title}.Arn}}/*"), "ARN of the objects in the bucket")
    if settings.backup:
        faces_arn = faces.bucket.get_att("Arn")
        stack.add(Backup("Faces", resource=faces_arn, kind="s3", days=settings.backup_days, keep=settings.keep_data))
    return stack


def _service(settings: Settings, network_stack: Stack | None, data: Stack) -> Stack:
    """The load balancer, the service behind it, steps on CPU, and eyes on all of it."""
    stack = Stack(
        "service",
        settings,
        description=f"Face Recognition API {settings.environment}: the service and its load balancer",
        arch="Clients -> Application Load Balancer -> Fargate tasks -> faces in S3, vectors at Pinecone; keys from SSM",
        must=["The load balancer is the only way in", "No secret value is ever written into this template"],
    )
    tag = ask_for_image(stack, REPOSITORY)
    size = TaskSize.ask(stack, cpu=settings.task_cpu, memory=settings.task_memory)
    minimum, maximum = task_bounds(stack, settings.minimum_tasks, settings.maximum_tasks)
    bucket_name, objects = _faces(stack, settings, data)
    network = place(stack, settings, network_stack)
    door = FrontDoor(stack, settings)

    # A target group with a name cannot be replaced, and another port replaces it.
    target_name = settings.name("tg") if settings.container_port == DOCUMENTED_PORT else None
    targets = targets_of(stack, settings, "Api", network, physical_name=target_name)
    balancer = stack.add(
        LoadBalancer(
            "Public",
            network=network,
            targets=targets,
            certificate=door.certificate_arn,
            clients=settings.clients,
            dual_stack=settings.dual_stack,
            access_logs=access_logs(stack, settings, data),
            protect=settings.keep_data,
            physical_name=settings.name("alb"),
            group_name=settings.name("alb-sg"),
        )
    )
    blue_green = _blue_green(stack, settings, network, balancer, targets)
    cluster = stack.add(Cluster("Api", physical_name=settings.name("cluster")))
    service_name = settings.name()
    api = stack.add(
        FargateService(
            "Api",
            network=network,
            cluster=cluster,
            container=_container(stack, settings, bucket_name, image_uri(REPOSITORY, tag)),
            repository=REPOSITORY,
            size=size,
            targets=targets,
            # Blue/green names its rule, and so waits for it; rolling has to be told to wait for the listener.
            after=[cluster.capacity_providers, *([] if blue_green else [balancer.listener])],
            tasks=None,
            may=[grants.read_write_objects(objects)],
            log_retention_days=settings.log_retention_days,
            log_group_name=f"/ecs/{service_name}" if service_name else None,
            grace_seconds=settings.start_seconds,
            capacity=settings.capacity,
            arm=settings.arm,
            shell=settings.shell,
            rollout=Rollout(blue_green.shift if blue_green else None),
            physical_name=service_name,
            group_name=settings.name("ecs-sg"),
        )
    )
    way_out = reach_everything(api) if settings.task_egress == "all" else reach_https(api)
    api.wait_for(*stack.add([*connect(balancer, api), way_out]))
    steps = CpuSteps(settings.scale_out_above, settings.scale_in_below)
    stack.add(Autoscaling("Api", service=api, minimum=minimum, maximum=maximum, steps=steps))
    protect(stack, settings, balancer)
    show(stack, service=api, balancer=balancer, targets=[targets, blue_green.green] if blue_green else [targets])
    door.lead_to(balancer)
    return stack


def _faces(stack: Stack, settings: Settings, data: Stack) -> tuple[Any, Any]:
    """Name of the bucket and ARN of its objects: from the data stack, or of a bucket that exists."""
    if settings.bucket == "create":
        return stack.from_stack(data, "FacesBucketName"), stack.from_stack(data, "FacesBucketObjects")
    name = stack.add(
        StackParameter(
            "FacesBucketName",
            group="Data",
            label="Bucket with the faces",
            description="Name of the bucket that exists and holds the faces",
            pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
            constraint="The name of an S3 bucket",
        )
    )
    return name.ref(), Sub(f"arn:${{AWS::Partition}}:s3:::${{{name.title}}}/*")


def _container(stack: Stack, settings: Settings, bucket_name: Any, image: Any) -> Container:
    """What runs: the recognition service, with its keys read from SSM when a task starts."""
    keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] if settings.access_keys else []
    secrets = {}
    for key in [*keys, "PINECONE_API_KEY"]:
        path = f"{settings.parameter_path}{key}"
        stack.secrets.append(SecretSource(key, parameter_name=path))
        secrets[key] = SecretValue.parameter(path)
    variables = {"ENVIRONMENT": settings.application_environment, "BUCKET_NAME": bucket_name}
    return container_of(settings, name="api", image=image, variables=variables, secrets=secrets)


def _blue_green(
    stack: Stack, settings: Settings, network: Network, balancer: LoadBalancer, blue: TargetGroup
) -> BlueGreen | None:
    """A second target group and the rule between the two, where deployments are blue/green."""
    if settings.deployment == "rolling":
        return None
    green = targets_of(stack, settings, "ApiGreen", network)
    made = stack.add(BlueGreen("Api", listener=balancer.listener, blue=blue, green=green))
    stack.leave_to_ecs(made.rule)
    return made


def _pipeline(settings: Settings, service: Stack) -> Stack:
    """What builds an image from the source, pushes it and deploys the service with it."""
    stack = Stack(
        "pipeline",
        settings,
        description=f"Delivery of {settings.project} {settings.environment}",
        arch="Source by a connection -> CodeBuild builds and pushes the image -> CloudFormation deploys the service",
        must=["The connection is confirmed once in the console before the first run"],
    )
    repository = stack.add(source_repository())
    branch, role = stack.add(source_branch()), stack.add(deployment_role_arn())
    # What the service's stack asks for without a default, the pipeline's stack asks for and hands on.
    needed = [one for one in service.parameters.values() if "Default" not in one.properties and one.title != "ImageTag"]
    asked = stack.add([as_text(one) for one in needed])
    deployment = Deployment(
        stack_name=service.stack_name,
        template=f"output/facerec/{settings.environment}/service.yaml",
        role_arn=role.ref(),
        approval=settings.keep_data,
        capabilities=" ".join(service.capabilities),
        parameters={str(one.title): f"${{{one.title}}}" for one in asked},
    )
    stack.add(
        Pipeline(
            "Delivery",
            source=SourceCode(repository.ref(), branch.ref()),
            repository=REPOSITORY,
            deployment=deployment,
            log_retention_days=settings.log_retention_days,
        )
    )
    return stack
