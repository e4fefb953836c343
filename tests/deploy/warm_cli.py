"""The AWS CLI without its start-up: 0.2 seconds a call instead of 0.8.

A server process imports the AWS CLI once and forks for every call; an `aws` script hands over its arguments,
environment and output. What runs is the installed AWS CLI itself, in a process of its own per call.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Any

# One call for each service that the tests call most.
_CALLS = (
    "cloudformation describe-stacks",
    "ec2 describe-vpcs",
    "ecr describe-repositories",
    "ecs list-clusters",
    "elbv2 describe-load-balancers",
    "logs describe-log-groups",
    "s3api list-buckets",
)
_CLIENT = """#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
    socket.send_fds(server, [len(request).to_bytes(4, "big")], [1, 2])
    server.sendall(request)
    answer = server.recv(1)
os._exit(answer[0] if answer else 255)
"""


@contextmanager
def warm_cli(folder: Path) -> Iterator[Path]:
    """Start the server; answers the folder to put on PATH, with an `aws` in it."""
    address = str(folder / "s")
    with subprocess.Popen([sys.executable, __file__, address], stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        script = folder / "aws"
        script.write_text(_CLIENT.format(python=sys.executable, address=address))
        script.chmod(0o700)
        try:
            yield folder
        finally:
            server.terminate()


def _serve(address: str) -> None:
    import awscli.clidriver  # noqa: PLC0415 - only the server needs it
    import awscli.handlers  # noqa: PLC0415
    from botocore import loaders  # noqa: PLC0415

    _share_descriptions(loaders.Loader)
    _warm_up(awscli.clidriver.main)
    gc.disable()  # a collection in a child would copy every page it shares with the server
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: let the kernel reap them
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen(16)
        print("ready", flush=True)  # noqa: T201
        while True:
            connection, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(connection, awscli.clidriver.main)
            connection.close()


def _share_descriptions(loader: type[Any]) -> None:
    """Read the descriptions of services once, here: every call would list and parse the same files again."""
    read: dict[object, object] = {}
    make = loader.__init__

    def share(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self._cache = read

    setattr(loader, "__init__", share)  # noqa: B010


def _warm_up(main: Callable[[], int]) -> None:
    """Calls that nobody answers: what they import and read on the way, no later call has to."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_MAX_ATTEMPTS": "1"}
    with socket.socket() as closed, contextlib.redirect_stderr(io.StringIO()):
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for call in _CALLS:
            sys.argv = ["aws", *call.split(), "--region", "us-east-1", "--endpoint-url", endpoint]
            main()


def _answer(connection: socket.socket, main: object) -> None:
    head, (out, err), _, _ = socket.recv_fds(connection, 4, 2)
    body = b""
    while len(body) < int.from_bytes(head, "big"):
        body += connection.recv(65536)
    arguments, environment, folder = json.loads(body)
    os.dup2(out, 1)
    os.dup2(err, 2)
    data = {"AWS_DATA_PATH": os.environ["AWS_DATA_PATH"]}  # awscli sets it when it is imported
    os.environ.clear()
    os.environ.update(environment | data)
    os.chdir(folder)
    sys.argv = ["aws", *arguments]
    code = 255
    try:
        code = int(main() or 0)  # type: ignore[operator]
    except BaseException:  # noqa: BLE001 - the child of a fork must not go back into the server's loop
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    connection.sendall(bytes([code]))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1])
