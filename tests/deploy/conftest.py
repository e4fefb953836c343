"""The fixtures of the deployer's tests."""

from tests.deploy.deployer_fixtures import account, project, proxy, session_proxy

__all__ = ["account", "project", "proxy", "session_proxy"]
