"""Rules for every test: the network ends at loopback, the fast parts run first, Hypothesis is quick by default."""

import pytest
import structlog
from pytest_socket import socket_allow_hosts

from tests.support.examples import register_profiles

register_profiles()
# Without it an error that is logged is drawn by rich, with colours and local variables, a third of a second each.
console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], console])

pytest_plugins = ["tests.support.databases"]

LOOPBACK = ["127.0.0.1", "::1", "localhost"]
PARTS = ("unit", "contract", "integration", "e2e", "crash", "soak")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = config.rootpath / "tests"
    items.sort(key=lambda item: PARTS.index(item.path.relative_to(tests).parts[0]))
