"""A Lambda function with what belongs to it: its role, its log group, and its security group where it is in a VPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from awacs.aws import Statement
from troposphere import AWSObject, Tags, awslambda, iam, logs, sqs

from blueprints.access import grants
from blueprints.access.connections import closed_security_group
from blueprints.components.network import Network
from blueprints.model.component import Component
from blueprints.model.context import because
from blueprints.model.errors import SettingsError

# Offered since 2025-11-18; Lambda's page of runtimes names June 2029 for its end.
PYTHON = "python3.14"

# Seconds and MiB that Lambda takes (AWS Lambda Developer Guide, "Lambda quotas"). The first 10,240 MiB can be had by
# every function, more of it only on managed instances.
MOST_SECONDS = 900
LEAST_MEBIBYTES, MOST_MEBIBYTES = 128, 10_240

# What could be written inline for years, and what still fits into a template with much else in it.
MOST_INLINE = 4_096
INLINE_MODULE = "index"

Architecture = Literal["arm64", "x86_64"]


class JsonLogging(awslambda.LoggingConfig):
    """Lambda's LoggingConfig with its log format, which troposphere 4.11 lost to a type of the same name."""

    props = {**awslambda.LoggingConfig.props, "LogFormat": (str, False)}  # noqa: RUF012 - troposphere's way


@dataclass(frozen=True)
class StoredCode:
    """A deployment package in a bucket of the function's Region.

    Args:
        bucket: the bucket's name.
        key: the object's key; a new one makes CloudFormation load the code again, the same one does not.
        version: the object's version, where the key stays the same.

    """

    bucket: Any
    key: Any
    version: Any | None = None


class Function(Component):
    """One Lambda function.

    Args:
        name: first part of the logical ids.
        why: what it does, and for whom.
        code: Python or Node.js source, written into the template, or a package in a bucket.
        handler: module and function; inline code is the module ``index``.
        runtime: Lambda's name of the runtime.
        architecture: processor; ``arm64`` costs a fifth less.
        memory: MiB, which decide the share of processors too.
        timeout: seconds after which Lambda ends it.
        network: the VPC whose private subnets it is in, or None for no VPC. Its security group lets nothing out until
            a connection says so.
        environment: plain values that it is told.
        may: what its code is allowed to do.
        dead_letter: where Lambda leaves an event that it could not get through, of asynchronous calls only.
        log_retention_days: days that its logs stay.
        log_group_name: the log group's name, where somebody relies on one.
        log_level: the least level of its own log lines that is kept.
        reserved_concurrency: how many of it may run at once, taken from what the account has, or None. An account must
            keep 100 unreserved, and a new one has fewer than that.
        physical_name: its name, where a document names it.

    Raises:
        SettingsError: Lambda does not take the timeout, the memory or the handler, or inline code is too long.

    """

    def __init__(  # noqa: PLR0913 - each is a decision of the architect's
        self,
        name: str,
        *,
        why: str,
        code: str | StoredCode,
        handler: str = f"{INLINE_MODULE}.handler",
        runtime: str = PYTHON,
        architecture: Architecture = "arm64",
        memory: int = 256,
        timeout: int = 60,
        network: Network | None = None,
        environment: Mapping[str, Any] | None = None,
        may: Sequence[Statement] = (),
        dead_letter: sqs.Queue | None = None,
        log_retention_days: int = 30,
        log_group_name: Any | None = None,
        log_level: Literal["DEBUG", "INFO", "WARN", "ERROR"] = "INFO",
        reserved_concurrency: int | None = None,
        physical_name: str | None = None,
    ) -> None:
        _check(name, code, handler, memory, timeout)
        self.name = name
        self.security_group = (
            None if network is None else closed_security_group(name, network.vpc_id, f"Function {name}")
        )
        self.log_group = because(
            "What the function says, in JSON.", logs.LogGroup(f"{name}LogGroup", RetentionInDays=log_retention_days)
        )
        if log_group_name is not None:
            self.log_group.LogGroupName = log_group_name
        self.role = self._role(may, dead_letter)
        self.function = because(
            why,
            awslambda.Function(
                f"{name}Function",
                Code=_code(code),
                Handler=handler,
                Runtime=runtime,
                Architectures=[architecture],
                MemorySize=memory,
                Timeout=timeout,
                Role=self.role.get_att("Arn"),
                LoggingConfig=JsonLogging(
                    LogFormat="JSON",
                    LogGroup=self.log_group.ref(),
                    ApplicationLogLevel=log_level,
                    SystemLogLevel="INFO",
                ),
                TracingConfig=awslambda.TracingConfig(Mode="Active"),
                Tags=Tags(Name=physical_name or name),
            ),
            mutable="change-with-constraints",
        )
        self._choose(network, environment, dead_letter, reserved_concurrency, physical_name)

    @property
    def arn(self) -> Any:
        """Its ARN."""
        return self.function.get_att("Arn")

    @property
    def function_name(self) -> Any:
        """Its name, as metrics have it in their dimension FunctionName."""
        return self.function.ref()

    @property
    def security_group_id(self) -> Any:
        """The id of its security group.

        Raises:
            SettingsError: it is in no VPC, so it has none.

        """
        if self.security_group is None:
            raise SettingsError(f"{self.name} is in no VPC and has no security group; make it with network=...")
        return self.security_group.get_att("GroupId")

    def wait_for(self, *resources: AWSObject) -> None:
        """Make the function after these: the rules that let it out, or what it calls."""
        self.function.DependsOn = [
            *self.function.resource.get("DependsOn", []),
            *(resource.title for resource in resources),
        ]

    def _role(self, may: Sequence[Statement], dead_letter: sqs.Queue | None) -> iam.Role:
        own = [grants.write_logs(self.log_group), grants.send_traces(sampling=False)]
        if dead_letter is not None:
            own.append(grants.send_to_queue(dead_letter.get_att("Arn")))
        if self.security_group is not None:
            own.extend(grants.connect_function_to_vpc())
        return because(
            "What Lambda and the function's code may do.",
            iam.Role(
                f"{self.name}FunctionRole",
                AssumeRolePolicyDocument=grants.trust("lambda"),
                # Lambda looks at the role when it makes a function with a queue or in a VPC, so that has to be in it.
                Policies=[
                    grants.policy("Run", *own),
                    *([grants.policy("Application", *may)] if may else []),
                ],
            ),
        )

    def _choose(
        self,
        network: Network | None,
        environment: Mapping[str, Any] | None,
        dead_letter: sqs.Queue | None,
        reserved_concurrency: int | None,
        physical_name: str | None,
    ) -> None:
        if network is not None:
            self.function.VpcConfig = awslambda.VPCConfig(
                SecurityGroupIds=[self.security_group_id], SubnetIds=network.private_subnets
            )
        if environment:
            self.function.Environment = awslambda.Environment(Variables=dict(environment))
        if dead_letter is not None:
            self.function.DeadLetterConfig = awslambda.DeadLetterConfig(TargetArn=dead_letter.get_att("Arn"))
        if reserved_concurrency is not None:
            self.function.ReservedConcurrentExecutions = reserved_concurrency
        if physical_name is not None:
            self.function.FunctionName = physical_name


def _code(code: str | StoredCode) -> awslambda.Code:
    if isinstance(code, str):
        return awslambda.Code(ZipFile=code)
    version = {} if code.version is None else {"S3ObjectVersion": code.version}
    return awslambda.Code(S3Bucket=code.bucket, S3Key=code.key, **version)


def _check(name: str, code: str | StoredCode, handler: str, memory: int, timeout: int) -> None:
    if not 1 <= timeout <= MOST_SECONDS:
        raise SettingsError(f"{name}: timeout is {timeout}; Lambda takes 1 to {MOST_SECONDS} seconds")
    if not LEAST_MEBIBYTES <= memory <= MOST_MEBIBYTES:
        raise SettingsError(f"{name}: memory is {memory}; Lambda takes {LEAST_MEBIBYTES} to {MOST_MEBIBYTES} MiB")
    if not isinstance(code, str):
        return
    if not 1 <= len(code.encode()) <= MOST_INLINE:
        raise SettingsError(
            f"{name}: code has {len(code.encode())} bytes; inline it has 1 to {MOST_INLINE}, otherwise give StoredCode"
        )
    if not handler.startswith(f"{INLINE_MODULE}."):
        raise SettingsError(f"{name}: handler is {handler!r}; inline code is the module {INLINE_MODULE}: index.handler")
