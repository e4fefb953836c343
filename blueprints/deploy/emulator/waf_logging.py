"""Where a web ACL logs to, which MiniStack's WAF does not know; kept in its record of the web ACL."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from blueprints.deploy.emulator import internals

_Answer = tuple[int, dict[str, str], bytes]
_Handler = Callable[..., Awaitable[_Answer]]
_KEPT = "LoggingConfiguration"
# AWS WAF takes no log group, bucket or stream of another name.
_PREFIX = "aws-waf-logs-"


def install() -> None:
    handlers = internals.app.SERVICE_HANDLERS
    handlers["wafv2"] = _with_logging(handlers["wafv2"])


def _with_logging(original: _Handler) -> _Handler:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> _Answer:
        action = headers.get("x-amz-target", "").rsplit(".", 1)[-1]
        if action in _ACTIONS:
            return _ACTIONS[action](json.loads(body))
        return await original(method, path, headers, body, query)

    return handle


def _put(asked: Mapping[str, Any]) -> _Answer:
    wanted = asked[_KEPT]
    web_acl = _web_acl(wanted["ResourceArn"])
    if web_acl is None:
        return _missing()
    for destination in wanted["LogDestinationConfigs"]:
        # The name stands last in the ARN of a bucket, and after its kind in those of a log group and a stream.
        resource = str(destination).split(":", 5)[-1].removeprefix("log-group:").removeprefix("deliverystream/")
        if not resource.startswith(_PREFIX):
            return internals.json_error("WAFInvalidParameterException", _invalid(destination))
    web_acl[_KEPT] = wanted
    return internals.json_answer({_KEPT: wanted})


def _get(asked: Mapping[str, Any]) -> _Answer:
    web_acl = _web_acl(asked["ResourceArn"])
    return internals.json_answer({_KEPT: web_acl[_KEPT]}) if web_acl and _KEPT in web_acl else _missing()


def _delete(asked: Mapping[str, Any]) -> _Answer:
    web_acl = _web_acl(asked["ResourceArn"])
    if web_acl is None or web_acl.pop(_KEPT, None) is None:
        return _missing()
    return internals.json_answer({})


def _list(asked: Mapping[str, Any]) -> _Answer:
    found = [each[_KEPT] for each in internals.WEB_ACLS.values() if each["Scope"] == asked["Scope"] and _KEPT in each]
    return internals.json_answer({"LoggingConfigurations": found})


_ACTIONS: Mapping[str, Callable[[Mapping[str, Any]], _Answer]] = {
    "PutLoggingConfiguration": _put,
    "GetLoggingConfiguration": _get,
    "DeleteLoggingConfiguration": _delete,
    "ListLoggingConfigurations": _list,
}


def _web_acl(arn: str) -> dict[str, Any] | None:
    return next((each for each in internals.WEB_ACLS.values() if each["ARN"] == arn), None)


def _missing() -> _Answer:
    message = "AWS WAF couldn't perform the operation because your resource doesn't exist."
    return internals.json_error("WAFNonexistentItemException", message)


def _invalid(destination: str) -> str:
    return f"Error reason: The ARN isn't valid., field: LOG_DESTINATION, parameter: {destination}"
