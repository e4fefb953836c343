"""The AWS CLI without its start-up: 0.1 seconds a call instead of 0.8.

A server process imports the AWS CLI once and forks for every call; an `aws` script hands over its arguments,
environment and output. What runs is the installed AWS CLI itself, in a process of its own per call.
"""

from __future__ import annotations

import contextlib
import gc
import inspect
import io
import marshal
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
# Only what the interpreter has built in: `json` and `socket` would double the time that it takes to start.
_CLIENT = """#!{python} -IS
import _socket, marshal, posix, sys
server = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
server.connect({address!r})
request = marshal.dumps((sys.argv[1:], posix.environ, posix.getcwd()))
streams = (1).to_bytes(4, sys.byteorder) + (2).to_bytes(4, sys.byteorder)
server.sendmsg([len(request).to_bytes(4, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
server.sendall(request)
answer = server.recv(1)
posix._exit(answer[0] if answer else 255)
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
    from botocore import hooks, loaders  # noqa: PLC0415

    _share_descriptions(loaders.Loader)
    _remember_registrations(hooks)
    _warm_up(awscli.clidriver.main)
    _make_the_driver(awscli.clidriver)
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


def _remember_registrations(hooks: Any) -> None:
    """Ask once what 400 handlers take and what their events are called now: it is half the time of every call."""
    names: dict[str, str] = {}
    make = hooks.EventAliaser.__init__
    look = hooks.accepts_kwargs

    def share(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        self._alias_name_cache = names

    def accepts_kwargs(handler: Any) -> object:
        code = getattr(handler, "__code__", None)
        return look(handler) if code is None else code.co_flags & inspect.CO_VARKEYWORDS

    hooks.EventAliaser.__init__ = share
    hooks.accepts_kwargs = accepts_kwargs


def _warm_up(main: Callable[[], int]) -> None:
    """Calls that nobody answers: what they import and read on the way, no later call has to."""
    os.environ |= {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none", "AWS_MAX_ATTEMPTS": "1"}
    with socket.socket() as closed, contextlib.redirect_stderr(io.StringIO()):
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for call in _CALLS:
            sys.argv = ["aws", *call.split(), "--region", "us-east-1", "--endpoint-url", endpoint]
            main()


def _make_the_driver(clidriver: Any) -> None:
    """Register handlers and commands once, here; who configured what is read in the child, from its environment."""
    os.environ["AWS_CONFIG_FILE"] = os.devnull
    driver = clidriver.create_clidriver()
    driver._get_command_table()
    driver.session._config = None
    clidriver.create_clidriver = lambda: driver


def _answer(connection: socket.socket, main: object) -> None:
    head, (out, err), _, _ = socket.recv_fds(connection, 4, 2)
    body = b""
    while len(body) < int.from_bytes(head, "big"):
        body += connection.recv(65536)
    arguments, variables, folder = marshal.loads(body)  # noqa: S302 - the client above wrote it
    environment = {os.fsdecode(name): os.fsdecode(value) for name, value in variables.items()}
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
