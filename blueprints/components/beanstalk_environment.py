"""An environment of Elastic Beanstalk: load balancer, instances, health and updates around one container image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from awacs.aws import Statement
from troposphere import AWSObject, Tags, ec2, elasticbeanstalk, logs

from blueprints.access import grants
from blueprints.access.connections import ANYWHERE, Peer, admit, closed_security_group, connect
from blueprints.components import beanstalk_options as options
from blueprints.components.beanstalk import BeanstalkApplication, BeanstalkVersion, latest_platform
from blueprints.components.beanstalk_roles import BeanstalkRoles
from blueprints.components.beanstalk_settings import HOST_PORT, Capacity, Deployment, Entrance, Operations
from blueprints.components.bucket import AccessLogBucket
from blueprints.components.network import Network
from blueprints.components.secret import SecretValue
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# The variable that tells the source bundle where the containers' output goes.
LOG_GROUP = "LOG_GROUP"

CAPACITY = Capacity()

BRANCH_REASON = "A branch of AWS's own platforms is no resource of anybody's, and its ARN the same in every account"


class BeanstalkEnvironment(Component):
    """A load-balanced environment of the Docker platform.

    Elastic Beanstalk owns the load balancer and the instances, in a stack of its own; both wear security groups of this
    one. The source bundle runs nginx on port 80 of each instance, before the image (`_web_backend.beanstalk_bundle`).

    Args:
        name: first part of the logical ids.
        application: what it belongs to.
        version: what it runs.
        network: instances are where tasks would be, the load balancer is in public subnets.
        repository: ECR repository of the image; the only one that instances can pull from.
        variables: what the application is told; with the secrets' ARNs 4,096 bytes at most.
        secrets: variables that are whole values of Secrets Manager secrets. They are read when an instance starts or
            is deployed to; a new value takes a deployment (Developer Guide, "Best practices for secrets
            synchronization").
        platform: ARN of a version of the platform (`platform_arn`); None runs the latest there is when it is made.
        health_path: what the load balancer asks for; 200 is well.
        capacity: which instances, and how many.
        deployment: how a version reaches them.
        certificate: ARN of a certificate; with one, HTTPS alone listens, because no option makes a listener redirect.
        clients: the IPv4 range that may connect.
        prefix_list: id of CloudFront's managed prefix list, whose addresses may connect instead of *clients*.
        access_logs: a bucket for the load balancer's access logs, of this stack or by name; None keeps none.
        log_retention_days: days that logs stay.
        may: what the application itself is allowed to do.
        update_window: when managed updates may begin, in UTC, such as ``Sun:03:00``; None has none.
        command_seconds: how long a deployment may take on an instance, with pull and migration, 1 to 3,600.
        keep: leave Elastic Beanstalk's log groups when the environment goes.

    Raises:
        SettingsError: Elastic Beanstalk does not take a value, a variable is there twice, or a secret is a part of one.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        application: BeanstalkApplication,
        version: BeanstalkVersion,
        network: Network,
        repository: str,
        variables: Mapping[str, Any],
        secrets: Mapping[str, SecretValue],
        platform: Any | None = None,
        health_path: str = "/health",
        capacity: Capacity = CAPACITY,
        deployment: Deployment = "rolling",
        certificate: Any | None = None,
        clients: Any = ANYWHERE,
        prefix_list: Any | None = None,
        access_logs: AccessLogBucket | Any | None = None,
        log_retention_days: int = 30,
        may: Sequence[Statement] = (),
        update_window: str | None = "Sun:03:00",
        command_seconds: int = 1200,
        keep: bool = False,
    ) -> None:
        entrance = Entrance(certificate, clients, prefix_list, access_logs)
        operations = Operations(deployment, command_seconds, update_window, log_retention_days, keep)
        _check(name, health_path, variables, secrets)
        self.name, self.port = name, HOST_PORT
        self.security_group = closed_security_group(name, network.vpc_id, f"Instances of {name}")
        self.load_balancer_group = closed_security_group(
            f"{name}LoadBalancer", network.vpc_id, f"Load balancer of {name}"
        )
        balancer = Peer(f"{name}LoadBalancer", self.load_balancer_group.get_att("GroupId"), entrance.port)
        self.ingress = _admit(entrance, balancer)
        self.requests = connect(balancer, self)
        self.log_group = because(
            "What the containers say.", logs.LogGroup(f"{name}LogGroup", RetentionInDays=log_retention_days)
        )
        self.roles = BeanstalkRoles(
            name,
            application=application.application_name,
            repository=repository,
            secrets=[value.readable for value in secrets.values()],
            log_statement=grants.write_logs(self.log_group),
            may=may,
        )
        namespaces = {
            **options.placement(name, network),
            **self._running(capacity, entrance, operations),
            **options.process(health_path),
            **options.variables({**variables, LOG_GROUP: self.log_group.ref()}, secrets),
        }
        self.environment = self._environment(application, version, platform, namespaces)
        # Elastic Load Balancing tries the bucket when logging is switched on: its policy has to be there first.
        logged = [access_logs.policy] if isinstance(access_logs, AccessLogBucket) else []
        self.wait_for(self.ingress, *self.requests, *logged)

    def wait_for(self, *resources: AWSObject) -> None:
        """Start no instance before these are there, nor drop them earlier: without its way out nothing is deployed."""
        there = self.environment.resource.get("DependsOn", [])
        self.environment.DependsOn = [*there, *(resource.title for resource in resources)]

    @property
    def security_group_id(self) -> Any:
        """The id of the instances' security group."""
        return self.security_group.get_att("GroupId")

    @property
    def environment_name(self) -> Any:
        """The name that CloudFormation gave it; the dimension EnvironmentName of its metrics."""
        return self.environment.ref()

    @property
    def endpoint(self) -> Any:
        """The load balancer's name in DNS."""
        return self.environment.get_att("EndpointURL")

    def _running(self, capacity: Capacity, entrance: Entrance, operations: Operations) -> options.Namespaces:
        profile, balancer = self.roles.instance_profile.ref(), self.load_balancer_group.get_att("GroupId")
        return {
            **options.instances(capacity, profile=profile, security_group=self.security_group_id),
            **options.scaling(capacity),
            **options.load_balancer(entrance, security_group=balancer),
            **options.rollout(operations),
            **options.watching(operations, service_role=self.roles.service_role.ref()),
            **options.managed_updates(operations.update_window),
        }

    def _environment(
        self,
        application: BeanstalkApplication,
        version: BeanstalkVersion,
        platform: Any,
        namespaces: options.Namespaces,
    ) -> elasticbeanstalk.Environment:
        made = elasticbeanstalk.Environment(
            f"{self.name}Environment",
            ApplicationName=application.application_name,
            VersionLabel=version.label,
            # Changed in place; a change of SolutionStackName would replace the environment.
            PlatformArn=latest_platform() if platform is None else platform,
            Tier=elasticbeanstalk.Tier(Name="WebServer", Type="Standard"),
            OptionSettings=options.option_settings(namespaces),
            Tags=Tags(),
        )
        if platform is None:
            made.Metadata = {"Suppressions": [{"rule": "W9002", "reason": BRANCH_REASON}]}
        return because(
            "Runs the version on instances behind a load balancer, watches and updates them.",
            made,
            must=["Waits for its way out and its way in", "The database is outside of it"],
            mutable="free-to-tune",
        )


def _admit(entrance: Entrance, balancer: Peer) -> ec2.SecurityGroupIngress:
    by_list = entrance.prefix_list is not None
    return admit(
        entrance.prefix_list if by_list else entrance.clients,
        balancer,
        port=balancer.port,
        title=f"{'CloudFront' if by_list else 'Clients'}To{balancer.name}Ingress",
        source="CloudFront" if by_list else "clients",
        prefix_list=by_list,
    )


def _check(name: str, health_path: str, variables: Mapping[str, Any], secrets: Mapping[str, SecretValue]) -> None:
    if not health_path.startswith("/"):
        raise SettingsError(f"{name}: health_path is {health_path!r}; begin it with /")
    twice = sorted((variables.keys() & secrets.keys()) | ({LOG_GROUP} & (variables.keys() | secrets.keys())))
    if twice:
        raise SettingsError(
            f"{name}: {', '.join(twice)} is a secret or a variable of the environment already; leave it out"
        )
    parts = sorted(key for key, value in secrets.items() if value.arn is not None or value.in_parameter_store)
    if parts:
        raise SettingsError(
            f"{name}: {', '.join(parts)} is a key of a JSON secret or a parameter; instances read whole values of "
            "Secrets Manager secrets, so give it a secret of its own"
        )
