"""What the three web backends render, as if the stacks of each were one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from blueprints import catalog
from blueprints.render import files
from blueprints.render.template import to_dict
from blueprints.render.writing import text_files
from tests.catalog.rendered import Rendered

FARGATE, EKS, BEANSTALK = "web-backend-fargate", "web-backend-eks", "web-backend-beanstalk"
ARCHITECTURES = [FARGATE, EKS, BEANSTALK]

ALARM = "AWS::CloudWatch::Alarm"
BUCKET = "AWS::S3::Bucket"
DISTRIBUTION = "AWS::CloudFront::Distribution"
EGRESS = "AWS::EC2::SecurityGroupEgress"
HEALTH_CHECK = "AWS::Route53::HealthCheck"
INGRESS = "AWS::EC2::SecurityGroupIngress"
INSTANCE = "AWS::RDS::DBInstance"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
LISTENER_RULE = "AWS::ElasticLoadBalancingV2::ListenerRule"
LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LOG_GROUP = "AWS::Logs::LogGroup"
SECRET = "AWS::SecretsManager::Secret"
SECURITY_GROUP = "AWS::EC2::SecurityGroup"
TARGET_GROUP = "AWS::ElasticLoadBalancingV2::TargetGroup"


@cache
def _rendered(architecture: str, given: str) -> Rendered:
    blueprint = catalog.load(architecture)
    stacks = tuple(blueprint.build(blueprint.Settings(**json.loads(given))))
    return Rendered(stacks, {stack.name: to_dict(stack) for stack in stacks})


def as_written(architecture: str, environment: str = "dev", **settings: Any) -> Rendered:
    """The stacks as they are sent to CloudFormation; the same question is answered once."""
    return _rendered(architecture, json.dumps({"environment": environment, **settings}, sort_keys=True))


def web_backend(architecture: str, environment: str = "dev", **settings: Any) -> Rendered:
    """The stacks with what they read from each other in the place of Fn::GetStackOutput."""
    rendered = as_written(architecture, environment, **settings)
    producers = {stack.stack_name: rendered.templates[stack.name] for stack in rendered.stacks}
    return Rendered(
        rendered.stacks,
        {name: _followed(template, template, producers) for name, template in rendered.templates.items()},
    )


def _followed(value: Any, template: Mapping[str, Any], producers: Mapping[str, Mapping[str, Any]]) -> Any:
    if isinstance(value, list):
        return [_followed(item, template, producers) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetStackOutput" in value:
        wanted = value["Fn::GetStackOutput"]
        name = template["Parameters"][wanted["StackName"]["Ref"]]["Default"]
        return producers[name]["Outputs"][wanted["OutputName"]]["Value"]
    return {key: _followed(item, template, producers) for key, item in value.items()}


_jinja = cache(files.environment)


def texts(architecture: str, environment: str = "dev", **settings: Any) -> dict[str, str]:
    """The text files that go with the templates, as `blueprints render` writes them, by path."""
    asked = text_files(architecture, [catalog.load(architecture).Settings(environment=environment, **settings)])
    return {
        path: _jinja().get_template(file.template).render({"path": path, **file.values}) for path, file in asked.items()
    }


def ref(logical_id: str) -> dict[str, str]:
    return {"Ref": logical_id}


def attribute(logical_id: str, name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [logical_id, name]}


def end(rule: Mapping[str, Any], *keys: str) -> str:
    """Who stands at an end of a rule: a group's logical id, a range of addresses or a parameter."""
    (value,) = [rule[key] for key in keys if key in rule]
    if isinstance(value, str):
        return value
    return str(value["Ref"] if "Ref" in value else value["Fn::GetAtt"][0])


def connections(rendered: Rendered, type_: str) -> list[tuple[str, str, int]]:
    """From, to and port of every rule of a kind; each is of one TCP port."""
    other = "Source" if type_ == INGRESS else "Destination"
    found = []
    for rule in rendered.all(type_):
        assert (rule["IpProtocol"], rule["FromPort"]) == ("tcp", rule["ToPort"])
        group = end(rule, "GroupId")
        peer = end(rule, f"{other}SecurityGroupId", f"{other}PrefixListId", "CidrIp")
        found.append((*((peer, group) if type_ == INGRESS else (group, peer)), rule["FromPort"]))
    assert len(found) == len(set(found))
    return found


def dimensions(rendered: Rendered) -> dict[str, dict[str, Any]]:
    """Metric names and dimensions of the alarms, by their logical ids."""
    found: dict[str, dict[str, Any]] = {}
    for name, alarm in rendered.resources(ALARM).items():
        properties = alarm["Properties"]
        metrics = [one["MetricStat"]["Metric"] for one in properties.get("Metrics", []) if "MetricStat" in one]
        found[name] = {
            metric["MetricName"]: {one["Name"]: one["Value"] for one in metric["Dimensions"]}
            for metric in metrics or [properties]
        }
    return found
