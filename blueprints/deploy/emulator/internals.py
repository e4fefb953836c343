"""Everything of MiniStack that we reach into, in one place.

The version is pinned exactly because these names are private; a newer one is taken by checking this file.
"""

import contextvars
import sys
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from ministack import app
from ministack.core import responses, router
from ministack.services import (
    alb,
    backup,
    cloudcontrol,
    cloudformation,
    cloudfront,
    cloudwatch,
    cloudwatch_logs,
    dynamodb,
    ec2,
    ecr,
    ecs,
    eks,
    eventbridge,
    iam,
    kms,
    rds,
    route53,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    waf,
)
from ministack.services import lambda_svc as functions
from ministack.services.cloudformation import changesets, engine, helpers, provisioners, stacks
from ministack.services.cloudformation import handlers as actions

__all__ = [
    "actions",
    "alb",
    "app",
    "changesets",
    "ec2",
    "engine",
    "functions",
    "helpers",
    "provisioners",
    "route53",
    "stacks",
]

# The type's create, update and delete functions, by resource type.
RESOURCE_HANDLERS: MutableMapping[str, dict[str, Any]] = provisioners._RESOURCE_HANDLERS
# The properties whose change replaces a resource: always, or only in some cases.
REPLACING: MutableMapping[str, tuple[str, ...]] = provisioners._REPLACING_PROPERTIES
CONDITIONALLY_REPLACING: MutableMapping[str, tuple[str, ...]] = provisioners._CONDITIONALLY_REPLACING_PROPERTIES
# The property that takes the stack's tags, and its form.
TAG_PROPERTIES: MutableMapping[str, tuple[str, str]] = provisioners._STACK_TAG_PROPERTY
STACKS: MutableMapping[str, dict[str, Any]] = cloudformation._stacks
# CloudFormation's API operations by name.
ACTIONS: MutableMapping[str, Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]] = actions._ACTION_HANDLERS
# What `aws cloudcontrol get-resource` reads.
MODELS: MutableMapping[str, dict[str, str]] = cloudcontrol._resources
ALARMS: MutableMapping[str, dict[str, Any]] = cloudwatch._alarms
SECRETS: MutableMapping[str, dict[str, Any]] = secretsmanager._secrets
TOPICS: MutableMapping[str, dict[str, Any]] = sns._topics
WEB_ACLS: MutableMapping[str, dict[str, Any]] = waf._web_acls
LOAD_BALANCERS: MutableMapping[str, dict[str, Any]] = alb._lbs
LISTENERS: MutableMapping[str, dict[str, Any]] = alb._listeners
RULES: MutableMapping[str, dict[str, Any]] = alb._rules
TARGET_GROUPS: MutableMapping[str, dict[str, Any]] = alb._tgs
ALB_ACTIONS: MutableMapping[str, Callable[[Any], tuple[int, dict[str, str], bytes]]] = alb._ACTION_MAP
LOAD_BALANCER_ATTRIBUTES: MutableMapping[str, list[dict[str, str]]] = alb._lb_attrs
# By "cluster/service".
ECS_SERVICES: MutableMapping[str, dict[str, Any]] = ecs._services
ECS_TASKS: MutableMapping[str, dict[str, Any]] = ecs._tasks
ECS_ACTIONS: MutableMapping[str, Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]] = ecs._ACTION_MAP
# By name; "cluster/name" for what is inside a cluster, "cluster NUL id" for associations.
EKS_CLUSTERS: MutableMapping[str, dict[str, Any]] = eks._clusters
EKS_NODE_GROUPS: MutableMapping[str, dict[str, Any]] = eks._nodegroups
EKS_ADD_ONS: MutableMapping[str, dict[str, Any]] = eks._addons
EKS_ASSOCIATIONS: MutableMapping[str, dict[str, Any]] = eks._pod_identity_associations
EC2_ACTIONS: MutableMapping[str, Callable[[Any], tuple[int, dict[str, str], bytes]]] = ec2._ACTION_MAP
ADDRESSES: MutableMapping[str, dict[str, Any]] = ec2._addresses
NAT_GATEWAYS: MutableMapping[str, dict[str, Any]] = ec2._nat_gateways
NETWORK_ACLS: MutableMapping[str, dict[str, Any]] = ec2._network_acls
VPCS: MutableMapping[str, dict[str, Any]] = ec2._vpcs
SUBNETS: MutableMapping[str, dict[str, Any]] = ec2._subnets
# By name, ARN or id, as the service has it; for names.py.
CACHE_POLICIES: MutableMapping[str, dict[str, Any]] = cloudfront._cache_policies
CLUSTERS: MutableMapping[str, dict[str, Any]] = ecs._clusters
DASHBOARDS: MutableMapping[str, dict[str, Any]] = cloudwatch._dashboards
DATABASES: MutableMapping[str, dict[str, Any]] = rds._instances
DATABASE_CLUSTERS: MutableMapping[str, dict[str, Any]] = rds._clusters
DATABASE_SUBNET_GROUPS: MutableMapping[str, dict[str, Any]] = rds._subnet_groups
EVENT_RULES: MutableMapping[str, dict[str, Any]] = eventbridge._rules
FUNCTIONS: MutableMapping[str, dict[str, Any]] = functions._functions
KEY_ALIASES: MutableMapping[str, str] = kms._aliases
LOG_GROUPS: MutableMapping[str, dict[str, Any]] = cloudwatch_logs._log_groups
ORIGIN_ACCESS_CONTROLS: MutableMapping[str, dict[str, Any]] = cloudfront._oacs
ORIGIN_REQUEST_POLICIES: MutableMapping[str, dict[str, Any]] = cloudfront._origin_request_policies
POLICIES: MutableMapping[str, dict[str, Any]] = iam._policies
QUEUES: MutableMapping[str, str] = sqs._queue_name_to_url
REPOSITORIES: MutableMapping[str, dict[str, Any]] = ecr._repositories
RESPONSE_HEADERS_POLICIES: MutableMapping[str, dict[str, Any]] = cloudfront._response_headers_policies
ROLES: MutableMapping[str, dict[str, Any]] = iam._roles
SCHEDULES: MutableMapping[str, dict[str, Any]] = scheduler._schedules
SECURITY_GROUPS: MutableMapping[str, dict[str, Any]] = ec2._security_groups
TABLES: MutableMapping[str, dict[str, Any]] = dynamodb._tables
VAULTS: MutableMapping[str, dict[str, Any]] = backup._vaults
NAME_SEED: contextvars.ContextVar[str] = provisioners._NAME_SEED


def region() -> str:
    return str(responses.get_region())


def account() -> str:
    return str(responses.get_account_id())


def in_region(name: str) -> Any:
    """A context in which the current request is one to another region."""
    return responses.request_scope(account(), name)


def physical_name(stack_name: str, logical_id: str, *, lowercase: bool = False, longest: int = 128) -> str:
    """The name CloudFormation invents; stable over updates, another one for a replacement."""
    return str(provisioners._physical_name(stack_name, logical_id, lowercase=lowercase, max_len=longest))


def network_of_function(asked: Any) -> dict[str, Any]:
    """A function's subnets and groups, with their VPC."""
    network: dict[str, Any] = functions._vpc_config_with_id(asked)
    return network


def containers_of(task: Any) -> list[dict[str, Any]]:
    """The container definitions of a task."""
    key = ecs._resolve_td_key(task["taskDefinitionArn"])
    containers: list[dict[str, Any]] = ecs._task_defs[key]["containerDefinitions"]
    return containers


def why_secrets_fail(container: Any) -> str | None:
    """Why a container's secrets cannot be read, in the words of ECS."""
    try:
        ecs._resolve_container_secrets(container)
    except ecs._SecretResolutionError as error:
        return str(error)
    return None


def say_in_log(task: Any, container: Any, message: str) -> None:
    """Write to the container's log, if it has one and its group is there."""
    config = ecs._awslogs_config(container, task["taskArn"].rsplit("/", 1)[-1], "")
    if config is not None and ecs._ensure_awslogs_stream(config):
        ecs._emit_awslogs_event(config, message)


def stop_task(task: Any, reason: str, code: str, exit_code: int | None = None) -> None:
    ecs._mark_task_stopped(task["taskArn"], task, reason, code, exit_code=exit_code)


def tag_ec2(physical_id: str, properties: Any, before: Any = None) -> None:
    provisioners._ec2_apply_tags(physical_id, dict(properties), dict(before or {}))


def error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    answer: tuple[int, dict[str, str], bytes] = helpers._error(code, message)
    return answer


def ec2_error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    answer: tuple[int, dict[str, str], bytes] = ec2._error(code, message, 400)
    return answer


def json_error(code: str, message: str) -> tuple[int, dict[str, str], bytes]:
    answer: tuple[int, dict[str, str], bytes] = responses.error_response_json(code, message, 400)
    return answer


def json_answer(content: Any) -> tuple[int, dict[str, str], bytes]:
    answer: tuple[int, dict[str, str], bytes] = responses.json_response(content)
    return answer


def add_service(name: str, handler: Any) -> None:
    """Let a service be answered that MiniStack does not have: calls are told apart by what they are signed for."""
    router.SERVICE_PATTERNS[name] = {"host_patterns": [rf"{name}\."]}
    app.SERVICE_HANDLERS[name] = handler


def replace_action_setting(name: str, replacement: Any) -> None:
    if not hasattr(actions, name):
        raise AttributeError(f"this version of MiniStack has no {name}")
    setattr(actions, name, replacement)


def replace_everywhere(name: str, replacement: Any) -> None:
    """Replace a function in every CloudFormation module that imported it by name."""
    original = getattr(stacks, name)
    for module in _modules():
        if getattr(module, name, None) is original:
            setattr(module, name, replacement)


def _modules() -> Iterator[Any]:
    prefix = "ministack.services.cloudformation"
    yield from [module for name, module in list(sys.modules.items()) if name.startswith(prefix)]
