from typing import Any

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

PREFIX = "aws-waf-logs-"
NAMES = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::KinesisFirehose::DeliveryStream": "DeliveryStreamName",
}


class WebAclLogHasItsPrefix(CloudFormationLintRule):
    id = "E9018"
    shortdesc = "What a web ACL logs to has a name that begins with aws-waf-logs-"
    description = (
        "AWS WAF writes only to a log group, a bucket or a delivery stream whose name begins with aws-waf-logs-, and a "
        "name that CloudFormation makes up does not."
    )
    source_url = "https://docs.aws.amazon.com/waf/latest/developerguide/logging-cw-logs.html"

    def match(self, cfn: Template) -> list[RuleMatch]:
        if cfn.graph is None:
            return []
        resources = cfn.get_resources()
        return [
            RuleMatch(
                ["Resources", target, "Properties"],
                f"{logging} logs to {target}, and AWS WAF takes a name only that begins with {PREFIX}: set "
                f"{NAMES[resources[target]['Type']]} to {PREFIX}...",
            )
            for logging in cfn.get_resources(["AWS::WAFv2::LoggingConfiguration"])
            for _, target, edge in cfn.graph.graph.out_edges(logging, data=True)
            if list(edge["source_paths"])[:2] == ["Properties", "LogDestinationConfigs"]
            and "Fn::If" not in edge["source_paths"]
            and _is_wrong(resources.get(target))
        ]


def _is_wrong(resource: Any) -> bool:
    if not isinstance(resource, dict) or str(resource.get("Type")) not in NAMES:
        return False
    properties = resource.get("Properties", {})
    if not isinstance(properties, dict) or any(str(key).startswith("Fn::") for key in properties):
        return False
    name = properties.get(NAMES[resource["Type"]], "")
    start, is_whole = _known(name)
    return not start.startswith(PREFIX) and (is_whole or not PREFIX.startswith(start))


def _known(name: Any) -> tuple[str, bool]:
    """How a name begins as far as the template says it, and whether that is all of it."""
    if isinstance(name, str):
        return name, True
    if not isinstance(name, dict) or len(name) != 1:
        return "", False
    [(function, given)] = name.items()
    if function == "Fn::Sub":
        text = given[0] if isinstance(given, list) and given else given
        return (text.split("${", 1)[0], "${" not in text) if isinstance(text, str) else ("", False)
    if function == "Fn::Join" and isinstance(given, list) and len(given) == 2 and isinstance(given[1], list):  # noqa: PLR2004 - separator and parts
        return _known(given[1][0])[0] if given[1] else "", False
    return "", False
