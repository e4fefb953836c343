"""A proxy between the AWS CLI and the emulator that makes chosen calls fail the way AWS and networks fail.

Standard library only. An AWS call is known by its operation name (``CreateChangeSet``, ``DescribeImages``).
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import io
import json
import socket
import struct
import threading
import urllib.parse
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "text/xml"


class Pass:
    """This call goes through; the next fault is for a later one."""


class Reset:
    """The connection is torn down with a TCP reset."""


class Hang:
    """No answer until the proxy is cleared."""


@dataclass(frozen=True)
class Rewrite:
    """The real answer with another text in it."""

    old: str
    new: str


@dataclass(frozen=True)
class Call:
    """What the client asked."""

    operation: str
    body: bytes
    is_json: bool

    def fields(self) -> dict[str, str]:
        return dict(urllib.parse.parse_qsl(self.body.decode()))


def error(code: str, message: str, status: int = 400) -> Callable[[Call], Answer]:
    """A service error, in the words of the protocol of the call."""

    def answer(call: Call) -> Answer:
        if call.is_json:
            body = json.dumps({"__type": code, "message": message})
            return Answer(status, body.encode(), "application/x-amz-json-1.1")
        body = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return Answer(status, f"<ErrorResponse>{body}</ErrorResponse>".encode())

    return answer


THROTTLE = error("Throttling", "Rate exceeded")
FAILURE = error("InternalFailure", "An internal failure occurred", 500)
EXPIRED = error("ExpiredToken", "The security token included in the request is expired", 403)
GARBAGE = Answer(200, b"<html><body>Please log in to the guest network</body></html>", "text/html")


def denied(action: str) -> Callable[[Call], Answer]:
    user = "arn:aws:iam::000000000000:user/deployer"
    return error("AccessDenied", f"User: {user} is not authorized to perform: {action} on resource: *", 403)


class FaultProxy:
    """Passes every call on to the emulator, but for those a test has other plans for."""

    def __init__(self, upstream: str) -> None:
        self._upstream = urllib.parse.urlsplit(upstream)
        self._faults: dict[str, deque[object]] = defaultdict(deque)
        self._released = threading.Event()
        self.calls: list[Call] = []
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                proxy.handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815 - names of the base class

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Be quiet."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.endpoint_url = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.clear()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def inject(self, operation: str, *faults: object, times: int = 1) -> None:
        """The next calls of this operation meet these faults, one each; then they pass again."""
        self._faults[operation].extend(faults * times)

    def clear(self) -> None:
        self._faults.clear()
        self.calls.clear()
        self._released.set()
        self._released = threading.Event()

    def operations(self) -> list[str]:
        return [call.operation for call in self.calls]

    def handle(self, request: http.server.BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        call = _call(request, body)
        self.calls.append(call)
        faults = self._faults[call.operation]
        fault = faults.popleft() if faults else Pass()
        match fault:
            case Reset():
                _reset(request)
                return
            case Hang():
                self._released.wait(timeout=30)
                _reset(request)
                return
            case Answer():
                answer = fault
            case Rewrite():
                real = self._ask(request, body)
                changed = real.body.replace(fault.old.encode(), fault.new.encode())
                answer = Answer(real.status, changed, real.content_type)
            case Pass():
                answer = self._ask(request, body)
            case _:
                answer = fault(call)
        _send(request, answer)

    def _ask(self, request: http.server.BaseHTTPRequestHandler, body: bytes) -> Answer:
        host, port = str(self._upstream.hostname), int(self._upstream.port or 80)
        connection = http.client.HTTPConnection(host, port, timeout=60)
        headers = {key: value for key, value in request.headers.items() if key.lower() not in {"expect", "connection"}}
        connection.request(request.command, request.path, body or None, headers)
        answer = connection.getresponse()
        content = Answer(answer.status, answer.read(), answer.headers.get("Content-Type", "text/xml"))
        connection.close()
        return content


def _call(request: http.server.BaseHTTPRequestHandler, body: bytes) -> Call:
    target = request.headers.get("X-Amz-Target")
    if target:
        return Call(target.rpartition(".")[2], body, is_json=True)
    action = urllib.parse.parse_qs(body.decode(errors="replace")).get("Action")
    if action:
        return Call(action[0], body, is_json=False)
    return Call(f"{request.command} {urllib.parse.urlsplit(request.path).path}", body, is_json=False)


def _send(request: http.server.BaseHTTPRequestHandler, answer: Answer) -> None:
    with contextlib.suppress(ConnectionError):
        request.send_response(answer.status)
        request.send_header("Content-Type", answer.content_type)
        request.send_header("Content-Length", str(len(answer.body)))
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(answer.body)
    request.close_connection = True


def _reset(request: http.server.BaseHTTPRequestHandler) -> None:
    # Closed with a linger time of zero, a connection ends in RST instead of FIN.
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.close_connection = True
    request.wfile = io.BytesIO()  # the handler flushes it when the connection is already gone
    request.rfile.close()
    request.connection.close()
