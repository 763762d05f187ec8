import socket

import pytest
from pytest_socket import SocketConnectBlockedError

# Connecting a datagram socket sends nothing, so even a failing test stays silent. The address is one of documentation.
ELSEWHERE = ("192.0.2.1", 9)
LOOPBACK = ("127.0.0.1", 9)


def test_a_test_cannot_reach_beyond_this_machine() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as sock,
        pytest.warns(UserWarning, match=ELSEWHERE[0]),
        pytest.raises(SocketConnectBlockedError),
    ):
        sock.connect(ELSEWHERE)


def test_a_test_reaches_servers_on_loopback() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.connect(LOOPBACK)
        assert sock.getpeername() == LOOPBACK
