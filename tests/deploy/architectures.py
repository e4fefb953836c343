"""Stacks of the catalog in the emulated account: deployed by the deployer, read back through the AWS CLI."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blueprints.deploy.aws import AwsCli
from blueprints.deploy.delete import DeleteResult, DeletionPlan, delete
from blueprints.deploy.execute import DeployResult, deploy
from blueprints.deploy.local import Emulator
from blueprints.deploy.local_seed import Seeder
from blueprints.deploy.plan import StackPlan
from blueprints.deploy.progress import PlainReporter
from blueprints.deploy.waiting import Clock
from blueprints.model.errors import DeployError
from blueprints.render.manifest import Manifest
from tests.deploy.emulator_fixtures import CALL_SECONDS

# A rule of a security group: in or out, protocol, first and last port, the other end.
Rule = tuple[str, str, int | None, int | None, str]

NOWHERE: Rule = ("out", "-1", None, None, "127.0.0.1/32")  # in place of the allow-all rule that AWS would add

# The emulator has done everything when a call comes back.
NO_WAIT = Clock(sleep=lambda _: None, interval=0)


@dataclass
class Target:
    """One manifest and the account that it goes to."""

    emulator: Emulator
    cli_folder: Path
    manifest: Manifest
    told: io.StringIO = field(default_factory=io.StringIO)
    plans: dict[str, StackPlan] = field(default_factory=dict)
    """Of the last deploy: what was asked about, by stack."""
    deletions: list[DeletionPlan] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**self.emulator.environment, "PATH": os.pathsep.join([str(self.cli_folder), os.defpath])}

    @property
    def _seeder(self) -> Seeder:
        return Seeder(self.emulator.endpoint_url, self.environment, self.region)

    @property
    def region(self) -> str:
        """Where the first stack goes, and what runs."""
        return self.manifest.stacks[0].region

    @property
    def regions(self) -> list[str]:
        """Every Region that a stack goes to, each once, in the manifest's order."""
        return list(dict.fromkeys(entry.region for entry in self.manifest.stacks))

    def cli(self, region: str) -> AwsCli:
        return AwsCli(
            region, endpoint_url=self.emulator.endpoint_url, environment=self.environment, timeout=CALL_SECONDS
        )

    def aws(self, service: str, operation: str, *arguments: str, region: str | None = None) -> dict[str, Any]:
        return self.cli(region or self.region).run(service, operation, *arguments)

    def seed(self) -> dict[str, str]:
        """Put what people put before a deploy; answers a value for each parameter without a default."""
        self._seeder.parameters_of_ssm(self.manifest)
        return self._seeder.required_parameters(self.manifest)

    def push(self, tag: str) -> None:
        """Push an image of this tag to every repository that a stack takes images of."""
        for entry in self.manifest.stacks:
            if entry.images:
                self._seeder.before_stack(entry, self.manifest, {image.parameter: tag for image in entry.images})

    def deploy(
        self,
        parameters: dict[str, str] | None = None,
        *,
        manifest: Manifest | None = None,
        only: tuple[str, ...] = (),
        allow_replace: tuple[str, ...] = (),
    ) -> DeployResult:
        self.plans.clear()
        values = parameters or {}
        return deploy(
            self.cli,
            manifest or self.manifest,
            parameters=values,
            confirm=self._agree,
            report=PlainReporter(self.told),
            only=only,
            allow_replace=allow_replace,
            before_stack=None if only else lambda entry: self._seeder.before_stack(entry, self.manifest, values),
            clock=NO_WAIT,
        )

    def outputs(self, result: DeployResult) -> dict[str, str]:
        return {name: value for stack in result.stacks for name, value in stack.outputs.items()}

    def delete_as_told(self, refusals: list[str], *, include_shared: bool = False) -> DeleteResult:
        """Delete; a refusal is kept, its commands are typed as they stand, and the same is asked again."""
        try:
            return self.delete(include_shared=include_shared)
        except DeployError as error:
            refusals.append(str(error))
            for line in str(error).splitlines():
                if " aws " in line:
                    self.type(line[line.index(" aws ") :])
        return self.delete(include_shared=include_shared)

    def delete(self, *, include_shared: bool = False) -> DeleteResult:
        return delete(
            self.cli,
            self.manifest,
            confirm=lambda plan: self.deletions.append(plan) or True,
            report=PlainReporter(self.told),
            include_shared=include_shared,
            clock=NO_WAIT,
        )

    def type(self, command: str) -> str:
        """Run a command line as the deployer prints it; answers what it says."""
        words = shlex.split(command)
        answer = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=CALL_SECONDS, check=True
        )
        return answer.stdout

    def template(self, stack: str) -> dict[str, Any]:
        path = self.manifest.folder / self.manifest.stack(stack).json_file
        return dict(json.loads(path.read_text("utf-8")))

    def resources(self, stack: str) -> dict[str, dict[str, str]]:
        """What the stack has, by logical id."""
        entry = self.manifest.stack(stack)
        named = ("--stack-name", entry.stack_name)
        found = self.aws("cloudformation", "list-stack-resources", *named, region=entry.region)
        return {each["LogicalResourceId"]: each for each in found["StackResourceSummaries"]}

    def status(self, stack: str) -> str:
        entry = self.manifest.stack(stack)
        named = ("--stack-name", entry.stack_name)
        return str(
            self.aws("cloudformation", "describe-stacks", *named, region=entry.region)["Stacks"][0]["StackStatus"]
        )

    def left(self) -> dict[str, set[str]]:
        """What the account still has in the Region of the first stack."""
        asked = {
            "stacks": ("cloudformation", "describe-stacks", "Stacks", "StackName"),
            "buckets": ("s3api", "list-buckets", "Buckets", "Name"),
            "log groups": ("logs", "describe-log-groups", "logGroups", "logGroupName"),
            "repositories": ("ecr", "describe-repositories", "repositories", "repositoryName"),
            "secrets": ("secretsmanager", "list-secrets", "SecretList", "ARN"),
            "load balancers": ("elbv2", "describe-load-balancers", "LoadBalancers", "LoadBalancerArn"),
            "services": ("ecs", "list-clusters", "clusterArns", ""),
        }
        found = {
            what: {str(each[key] if key else each) for each in self.aws(service, operation).get(answer) or []}
            for what, (service, operation, answer, key) in asked.items()
        }
        networks = self.aws("ec2", "describe-vpcs", "--filters", "Name=is-default,Values=false")["Vpcs"]
        return {**found, "networks": {each["VpcId"] for each in networks}}

    def _agree(self, plan: StackPlan) -> bool:
        self.plans[plan.entry.name] = plan
        return True


class Lived:
    """What holds of every environment that was deployed: which it is, what its stacks gave, and what became of them."""

    target: Target
    result: DeployResult

    @property
    def is_prod(self) -> bool:
        return self.target.manifest.environment == "prod"

    @property
    def outputs(self) -> dict[str, Mapping[str, str]]:
        return {stack.entry.name: stack.outputs for stack in self.result.stacks}

    @property
    def outcomes(self) -> dict[str, str]:
        return {stack.entry.name: stack.outcome for stack in self.result.stacks}


def read_model(target: Target, resource: Mapping[str, str]) -> dict[str, Any]:
    """The properties that a resource was made with, as CloudControl shows them: all that a stand-in has."""
    named = ("--type-name", resource["ResourceType"], "--identifier", resource["PhysicalResourceId"])
    found = target.aws("cloudcontrol", "get-resource", *named)["ResourceDescription"]["Properties"]
    return dict(json.loads(found))


@dataclass(frozen=True)
class RunningService:
    """An ECS service and the task definition that it runs."""

    service: dict[str, Any]
    task_definition: dict[str, Any]

    @property
    def containers(self) -> dict[str, dict[str, Any]]:
        return {each["name"]: each for each in self.task_definition["containerDefinitions"]}


def read_service(target: Target, outputs: Mapping[str, str]) -> RunningService:
    """Ask for the service that a stack's outputs ``ClusterName`` and ``ServiceName`` lead to."""
    named = ("--cluster", outputs["ClusterName"], "--services", outputs["ServiceName"])
    (service,) = target.aws("ecs", "describe-services", *named)["services"]
    definition = target.aws("ecs", "describe-task-definition", "--task-definition", service["taskDefinition"])
    return RunningService(service, definition["taskDefinition"])


@dataclass(frozen=True)
class Answers:
    """What the AWS CLI said of an account; what was not asked for is empty."""

    outputs: dict[str, str]
    service: dict[str, Any]
    task_definition: dict[str, Any]
    retention: dict[str, int]
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    resources: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    target_group: dict[str, Any] = field(default_factory=dict)
    listeners: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, list[Rule]] = field(default_factory=dict)
    nat: dict[str, Any] = field(default_factory=dict)
    address: dict[str, Any] = field(default_factory=dict)
    default_routes: dict[str, str] = field(default_factory=dict)
    repository: dict[str, Any] = field(default_factory=dict)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)

    def physical_id(self, stack: str, logical_id: str) -> str:
        return self.resources[stack][logical_id]["PhysicalResourceId"]


def read_back(target: Target, outputs: dict[str, str], *, only_service: bool = False) -> Answers:
    """Ask the AWS CLI for what a deploy should have made."""
    running = read_service(target, outputs)
    answers = Answers(
        outputs=outputs,
        service=running.service,
        task_definition=running.task_definition,
        retention=retention(target),
    )
    return answers if only_service else replace(answers, **_all_around(target, outputs))


def _all_around(target: Target, outputs: dict[str, str]) -> dict[str, Any]:
    (group,) = target.aws("elbv2", "describe-target-groups")["TargetGroups"]
    (nat,) = target.aws("ec2", "describe-nat-gateways")["NatGateways"]
    (address,) = target.aws("ec2", "describe-addresses")["Addresses"]
    (repository,) = target.aws("ecr", "describe-repositories")["repositories"]
    balancer = ("--load-balancer-arn", group["LoadBalancerArns"][0])
    return {
        "stacks": {each["StackName"]: each for each in target.aws("cloudformation", "describe-stacks")["Stacks"]},
        "resources": {entry.name: target.resources(entry.name) for entry in target.manifest.stacks},
        "target_group": group,
        "listeners": target.aws("elbv2", "describe-listeners", *balancer)["Listeners"],
        "rules": security_group_rules(target, outputs["VpcId"]),
        "nat": nat,
        "address": address,
        "default_routes": default_routes(target, outputs["VpcId"]),
        "repository": repository,
        "buckets": {
            each["Name"]: _bucket(target, each["Name"]) for each in target.aws("s3api", "list-buckets")["Buckets"]
        },
    }


def retention(target: Target, region: str | None = None) -> dict[str, int]:
    """Every log group of a Region, and the days that it keeps what it has."""
    groups = target.aws("logs", "describe-log-groups", region=region)["logGroups"]
    return {each["logGroupName"]: each["retentionInDays"] for each in groups}


def in_vpc(vpc_id: str) -> tuple[str, str]:
    return ("--filters", f"Name=vpc-id,Values={vpc_id}")


def security_group_rules(target: Target, vpc_id: str) -> dict[str, list[Rule]]:
    """Every rule of the groups that stacks made, the other end by address or by the logical id of its group."""
    groups = target.aws("ec2", "describe-security-groups", *in_vpc(vpc_id))["SecurityGroups"]
    names = {each["GroupId"]: _logical_id(each) for each in groups if _logical_id(each)}
    return {
        names[group["GroupId"]]: sorted(
            (
                (direction, rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort"), end)
                for direction, key in (("in", "IpPermissions"), ("out", "IpPermissionsEgress"))
                for rule in group[key]
                for end in _ends(rule, names)
            ),
            key=str,
        )
        for group in groups
        if group["GroupId"] in names
    }


def _ends(rule: dict[str, Any], names: dict[str, str]) -> list[str]:
    addresses = [each["CidrIp"] for each in rule["IpRanges"]] + [each["CidrIpv6"] for each in rule["Ipv6Ranges"]]
    lists = [each["PrefixListId"] for each in rule["PrefixListIds"]]
    return [*addresses, *lists, *(names[each["GroupId"]] for each in rule["UserIdGroupPairs"])]


def _logical_id(group: dict[str, Any]) -> str:
    tags = {each["Key"]: each["Value"] for each in group["Tags"]}
    return str(tags.get("aws:cloudformation:logical-id", ""))


def default_routes(target: Target, vpc_id: str) -> dict[str, str]:
    """Where traffic to the internet goes, by subnet."""
    tables = target.aws("ec2", "describe-route-tables", *in_vpc(vpc_id))["RouteTables"]
    return {
        association["SubnetId"]: str(route.get("NatGatewayId") or route.get("GatewayId"))
        for table in tables
        for association in table["Associations"]
        for route in table["Routes"]
        if "SubnetId" in association and route.get("DestinationCidrBlock") == "0.0.0.0/0"
    }


def _bucket(target: Target, name: str) -> dict[str, Any]:
    encryption = target.aws("s3api", "get-bucket-encryption", "--bucket", name)["ServerSideEncryptionConfiguration"]
    block = target.aws("s3api", "get-public-access-block", "--bucket", name)["PublicAccessBlockConfiguration"]
    (rule,) = encryption["Rules"]
    return {"encryption": rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "public_access_block": block}


def broken_copy(target: Target, stack: str, template: dict[str, Any], folder: Path) -> Manifest:
    """The rendered architecture once more, in another folder, with another template for one stack."""
    shutil.copytree(target.manifest.folder.parent, folder, dirs_exist_ok=True)
    own = folder / target.manifest.environment
    # JSON is YAML, and the YAML is what is deployed.
    (own / target.manifest.stack(stack).yaml_file).write_text(json.dumps(template), "utf-8")
    return Manifest.load(own / "manifest.json")


def dependents(template: dict[str, Any], logical_id: str) -> set[str]:
    """The resources that take a value of this one, and those that take a value of these."""
    taken = {name: _names(resource.get("Properties", {})) for name, resource in template["Resources"].items()}
    found: set[str] = set()
    fresh = {logical_id}
    while fresh:
        fresh = {name for name, names in taken.items() if names & fresh} - found
        found |= fresh
    return found


def _names(value: Any) -> set[str]:
    """What Ref, Fn::GetAtt and Fn::Sub name in a value."""
    if isinstance(value, list):
        return {name for each in value for name in _names(each)}
    if not isinstance(value, dict):
        return set()
    own = {str(value["Ref"])} if "Ref" in value else set()
    own |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
    text = value.get("Fn::Sub")
    own |= set(re.findall(r"\$\{(\w+)", text[0] if isinstance(text, list) else text)) if text else set()
    return own | {name for each in value.values() for name in _names(each)}
