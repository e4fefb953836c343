"""The container of a task: what runs, what it is told, what it may not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from troposphere import Ref, ecs, logs

from blueprints.components.secret import SecretValue
from blueprints.model.errors import SettingsError

# Room for temporary files when the root file system is read-only, in MiB; it counts as memory of the task. Fargate has
# mounted tmpfs since 2026-01-06 (aws/containers-roadmap issue 736); unlike a volume, every user may write to it.
TEMPORARY = ("/tmp",)  # noqa: S108 - memory of the task, and nobody else's
TEMPORARY_MEBIBYTES = 64

# Listening up to here takes the capability NET_BIND_SERVICE; whoever listens above needs none at all.
PRIVILEGED_PORTS = 1023


@dataclass(frozen=True)
class Container:
    """What one container needs.

    Args:
        name: its name in the task.
        image: the image to run, by URI.
        port: the TCP port that it listens on; None where nothing listens, and then nothing is asked inside either.
        environment: plain values that it is told.
        secrets: values that ECS reads for it when it starts.
        health_path: path that answers 200 when it is well, asked from inside as well; None asks nothing inside.
        user: user and group that it runs as; None leaves it to the image.
        writable: leave the root file system writable (ECS Exec needs it).
        stop_seconds: how long it may take to end after it was asked to, 2 to 120 on Fargate; None is ECS's 30.
        temporary: folders to write to where the root file system is read-only; in memory, gone with the task.
        temporary_mebibytes: room in each of them, which counts as memory of the task.
        port_name: a name for the port, by which Service Connect finds it.
        protocol: what is spoken on a port that has a name.
        labels: Docker labels; a new value makes new tasks.
        command: what runs instead of the image's own command, word by word.

    Raises:
        SettingsError: a plain value and a secret have the same name, which ECS refuses.
    """

    name: str
    image: Any
    port: int | None = None
    environment: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, SecretValue] = field(default_factory=dict)
    health_path: str | None = "/health"
    start_seconds: int = 60
    user: str | None = "1000:1000"
    writable: bool = False
    stop_seconds: int | None = None
    temporary: Sequence[str] = TEMPORARY
    temporary_mebibytes: int = TEMPORARY_MEBIBYTES
    port_name: str | None = None
    protocol: Literal["http", "http2", "grpc"] = "http"
    labels: Mapping[str, Any] = field(default_factory=dict)
    command: Sequence[str] = ()

    def __post_init__(self) -> None:
        twice = sorted(self.environment.keys() & self.secrets.keys())
        if twice:
            raise SettingsError(f"variables: {', '.join(twice)} is a secret of the container already; leave it out")


def definition(container: Container, log_group: logs.LogGroup, *, stream_prefix: str) -> ecs.ContainerDefinition:
    """The container as a task definition has it."""
    secrets = [ecs.Secret(Name=key, ValueFrom=value.source) for key, value in container.secrets.items()]
    made = ecs.ContainerDefinition(
        Name=container.name,
        Image=container.image,
        Essential=True,
        PortMappings=[] if container.port is None else [_port_mapping(container)],
        Environment=[ecs.Environment(Name=key, Value=value) for key, value in container.environment.items()],
        Secrets=secrets,
        LogConfiguration=log_configuration(log_group, stream_prefix),
        LinuxParameters=_linux_parameters(container),
        ReadonlyRootFilesystem=not container.writable,
    )
    for absent in ("PortMappings", "Secrets"):
        if not made.properties[absent]:
            del made.properties[absent]
    if container.command:
        made.Command = list(container.command)
    if container.stop_seconds is not None:
        made.StopTimeout = container.stop_seconds
    if container.labels:
        made.DockerLabels = dict(container.labels)
    if container.user is not None:
        made.User = container.user
    if container.port is not None and container.health_path is not None:
        made.HealthCheck = _health_check(container, container.health_path)
    return made


def _port_mapping(container: Container) -> ecs.PortMapping:
    mapping = ecs.PortMapping(ContainerPort=container.port, Protocol="tcp")
    if container.port_name is not None:
        mapping.Name, mapping.AppProtocol = container.port_name, container.protocol
    return mapping


def log_configuration(log_group: logs.LogGroup, stream_prefix: str) -> ecs.LogConfiguration:
    """What a container writes goes to *log_group*, in streams that begin with *stream_prefix*."""
    options = {
        "awslogs-group": log_group.ref(),
        "awslogs-region": Ref("AWS::Region"),
        "awslogs-stream-prefix": stream_prefix,
    }
    return ecs.LogConfiguration(LogDriver="awslogs", Options=options)


def _linux_parameters(container: Container) -> ecs.LinuxParameters:
    parameters = ecs.LinuxParameters(InitProcessEnabled=True)
    if container.port is None or container.port > PRIVILEGED_PORTS:
        parameters.Capabilities = ecs.KernelCapabilities(Drop=["ALL"])
    if not container.writable:
        parameters.Tmpfs = [
            ecs.Tmpfs(ContainerPath=path, Size=container.temporary_mebibytes, MountOptions=["nosuid", "nodev"])
            for path in container.temporary
        ]
    return parameters


def _health_check(container: Container, path: str) -> ecs.HealthCheck:
    """Ask the container from inside, with what most images have: curl, wget, Python or Node.js."""
    url = f"http://localhost:{container.port}{path}"
    python = f"python3 -c \"import urllib.request as r; r.urlopen('{url}', timeout=4)\""
    node = f"node -e \"fetch('{url}').then(r=>process.exit(+!r.ok))\""
    command = f"curl -fsS -m 4 {url} || wget -q -T 4 -O /dev/null {url} || {python} || {node} || exit 1"
    return ecs.HealthCheck(
        Command=["CMD-SHELL", command],
        Interval=30,
        Timeout=15,
        Retries=3,
        StartPeriod=container.start_seconds,
    )
