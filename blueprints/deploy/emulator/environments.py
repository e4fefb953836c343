"""DescribeEnvironments and DescribeEvents of Elastic Beanstalk, which MiniStack does not have: no deployment fails."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from blueprints.deploy.emulator import internals

_Answer = tuple[int, dict[str, str], bytes]
_SERVICE = "elasticbeanstalk"
_TYPE = "AWS::ElasticBeanstalk::Environment"
_NAME = "EnvironmentNames.member."


def install() -> None:
    internals.add_service(_SERVICE, _handle)


async def _handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> _Answer:  # noqa: ARG001
    asked = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    match asked.get("Action"):
        case "DescribeEnvironments":
            return _answer("DescribeEnvironments", f"<Environments>{''.join(_environments(asked))}</Environments>")
        case "DescribeEvents":
            return _answer("DescribeEvents", "<Events/>")
        case action:
            return internals.error("InvalidAction", f"The emulator does not know {action} of Elastic Beanstalk.")


def _environments(asked: Mapping[str, str]) -> Iterator[str]:
    """Each environment runs what its stack says, from the first look on."""
    names = {value for name, value in asked.items() if name.startswith(_NAME)}
    for model in list(internals.MODELS.values()):
        if model["TypeName"] == _TYPE and (not names or model["Identifier"] in names):
            given = json.loads(model["Properties"])
            shown = {
                "EnvironmentName": model["Identifier"],
                "ApplicationName": given["ApplicationName"],
                "VersionLabel": given.get("VersionLabel", ""),
                "Status": "Ready",
                "Health": "Green",
                "HealthStatus": "Ok",
            }
            fields = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in shown.items())
            yield f"<member>{fields}</member>"


def _answer(action: str, content: str) -> _Answer:
    result = f"<{action}Result>{content}</{action}Result>"
    return 200, {"Content-Type": "text/xml"}, f"<{action}Response>{result}</{action}Response>".encode()
