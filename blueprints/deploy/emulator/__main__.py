"""Serves the extended MiniStack on a loopback port until the parent closes our standard input.

python -m blueprints.deploy.emulator --port 45661
"""

import argparse
import asyncio
import json
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

# Which server answers, and whose state its resource types have.
STATE_PATH = "/_blueprints/state"
_App = Callable[[dict[str, Any], Callable[[], Awaitable[Any]], Callable[[Any], Awaitable[None]]], Awaitable[None]]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m blueprints.deploy.emulator", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--identity", default="", help="given back, so that the parent knows its own server")
    options = parser.parse_args()
    port: int = options.port
    # MiniStack reads these when it is imported. Its own default would listen on every interface.
    os.environ.update(BIND_HOST="127.0.0.1", GATEWAY_PORT=str(port), IOT_MTLS_ENABLED="0", SFTP_ENABLED="0")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(_serve(port, options.identity))


def _end_with_parent() -> None:
    """The pipe closes when the parent ends, however it ends."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(0)


async def _serve(port: int, identity: str) -> None:
    from hypercorn.asyncio import serve  # noqa: PLC0415 - MiniStack's own server, after its environment is set
    from hypercorn.config import Config  # noqa: PLC0415

    from blueprints.deploy.emulator.installation import install  # noqa: PLC0415
    from blueprints.deploy.emulator.internals import app  # noqa: PLC0415

    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.keep_alive_timeout = 75
    await serve(_with_state(app.app, {"identity": identity, "realities": install()}), config)  # type: ignore[arg-type]


def _with_state(app: _App, state: Mapping[str, Any]) -> _App:
    body = json.dumps(state).encode()
    headers = [(b"content-type", b"application/json")]

    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != STATE_PATH:
            await app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve


if __name__ == "__main__":
    main()
