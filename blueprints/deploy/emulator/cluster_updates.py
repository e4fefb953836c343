"""UpdateClusterConfig of EKS, which MiniStack does not have: what people do before they delete a protected cluster."""

import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from blueprints.deploy.emulator import internals

_Answer = tuple[int, dict[str, str], bytes]
_Service = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[_Answer]]
_PATH = re.compile(r"/clusters/([^/]+)/update-config")


def install() -> None:
    handlers = internals.app.SERVICE_HANDLERS
    handlers["eks"] = _updating(handlers["eks"])


def _updating(original: _Service) -> _Service:
    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> _Answer:
        asked = _PATH.fullmatch(path)
        record = internals.EKS_CLUSTERS.get(asked[1]) if asked and method == "POST" else None
        if record is None:
            return await original(method, path, headers, body, query)
        changed = {name: value for name, value in json.loads(body).items() if name != "clientRequestToken"}
        for name, value in changed.items():
            record[name] = {**record.get(name, {}), **value} if isinstance(value, dict) else value
        kinds = "".join(sorted(name[:1].upper() + name[1:] for name in changed))
        update = {"id": record["name"], "status": "Successful", "type": f"{kinds}Update", "createdAt": time.time()}
        return internals.json_answer({"update": update})

    return handle
