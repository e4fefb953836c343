"""Calls MiniStack's own services inside its process, with botocore's serialisers and parsers around them.

Speaking the AWS API, and not writing into MiniStack's stores, keeps its checks and its defaults: what a handler creates
here is what `aws ec2 create-nat-gateway` would have created.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode

import botocore.parsers  # type: ignore[import-untyped]
import botocore.serialize  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
from botocore.awsrequest import HeadersDict  # type: ignore[import-untyped]

from blueprints.deploy.emulator import internals
from blueprints.deploy.emulator.resources import Properties, RefusedError

# MiniStack's name for a service where it is not the AWS CLI's.
_SERVICES = {"elbv2": "elasticloadbalancing", "cloudwatch": "monitoring"}
_FAILED = 400


def call(service: str, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The service's answer. Must run on a worker thread: the service itself answers on the server's own loop."""
    model = _model(service)
    shape = model.operation_model(operation)
    protocol = _protocol(model)
    request = botocore.serialize.create_serializer(protocol).serialize_to_request(dict(parameters), shape)
    status, headers, body = _send(service, request)
    answer = {"status_code": status, "headers": HeadersDict(headers), "body": body}
    parsed: dict[str, Any] = botocore.parsers.create_parser(protocol).parse(answer, shape.output_shape)
    if status >= _FAILED:
        error = parsed.get("Error", {})
        code = str(error.get("Code", status))
        raise RefusedError(f"{error.get('Message', body.decode())} (Service: {service}, {code})", code)
    return parsed


def parameters(service: str, operation: str, properties: Properties) -> dict[str, Any]:
    """The properties as the operation's parameters.

    CloudFormation and the service name the same things with another first letter (`ContainerDefinitions`,
    `containerDefinitions`), at every depth; what the operation does not know is left out.
    """
    fitted: dict[str, Any] = _fit(_model(service).operation_model(operation).input_shape, dict(properties))
    return fitted


def _fit(shape: Any, value: Any) -> Any:
    if shape.type_name == "structure" and isinstance(value, dict):
        given = {name.lower(): item for name, item in value.items()}
        known = {name: each for name, each in shape.members.items() if name.lower() in given}
        fitted = {name: _fit(each, given[name.lower()]) for name, each in known.items()}
        # Without CloudFormation's own tags nothing may be left, and an empty list of tags is refused.
        return {name: item for name, item in fitted.items() if item != [] or given[name.lower()] == []}
    if shape.type_name == "list" and isinstance(value, list):
        return [_fit(shape.member, item) for item in value if not _is_system_tag(item)]
    if shape.type_name == "map" and isinstance(value, dict):
        return {name: _fit(shape.value, item) for name, item in value.items()}
    return value


def _is_system_tag(item: Any) -> bool:
    """A service takes CloudFormation's own tags from CloudFormation only."""
    return isinstance(item, dict) and str(item.get("Key", "")).startswith("aws:cloudformation:")


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _protocol(model: Any) -> str:
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    return "query" if "query" in protocols else str(model.metadata["protocol"])


def _send(service: str, request: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
    path, _, query = str(request["url_path"]).partition("?")
    parameters = parse_qs(query, keep_blank_values=True)
    parameters |= {name: _listed(value) for name, value in dict(request["query_string"] or {}).items()}
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body, doseq=True)
    headers = {name.lower(): value for name, value in request["headers"].items()} | {"host": "localhost"}
    handler = internals.app.SERVICE_HANDLERS[_SERVICES.get(service, service)]
    content = body.encode() if isinstance(body, str) else bytes(body)
    answer = internals.app.call_service_handler_sync(handler, request["method"], path, headers, content, parameters)
    status, answered, payload = answer
    return int(status), answered, payload.encode() if isinstance(payload, str) else payload


def _listed(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
