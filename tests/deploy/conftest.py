"""The fixtures of the deployer's tests."""

from tests.deploy.deployer_fixtures import account, project, proxy, session_proxy
from tests.deploy.stages import case, created, deleted, failed, repeated, target, updated

__all__ = [
    "account",
    "case",
    "created",
    "deleted",
    "failed",
    "project",
    "proxy",
    "repeated",
    "session_proxy",
    "target",
    "updated",
]
