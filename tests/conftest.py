"""Rules for every test: the network ends at loopback, and the fast parts run first."""

import pytest
from pytest_socket import socket_allow_hosts

pytest_plugins = ["tests.support.databases"]

LOOPBACK = ["127.0.0.1", "::1", "localhost"]
PARTS = ("unit", "contract", "integration", "e2e", "crash")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    tests = config.rootpath / "tests"
    items.sort(key=lambda item: PARTS.index(item.path.relative_to(tests).parts[0]))
