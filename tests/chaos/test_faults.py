"""The proxy does what its modes say."""

import contextlib
import select
import socket
import time

import pytest

from faults import FaultProxy
from scenario.lib import Upstream, eventually, ok

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def upstream():
    u = Upstream(ok("hello"))
    yield u
    u.stop()


@pytest.fixture
def proxy(upstream):
    with FaultProxy(upstream.port) as p:
        yield p


@pytest.fixture
def connect(proxy):
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port), 5))


def ask(connection):
    connection.sendall(REQUEST)
    return connection.recv(65536)


def is_silent(connection, seconds=0.2):
    return not select.select([connection], [], [], seconds)[0]


def is_reset(connection):
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def is_reset_at_once(connect):
    try:
        return is_reset(connect())
    except ConnectionResetError:  # before connecting was done
        return True


def refuses(proxy):
    try:
        socket.create_connection(("127.0.0.1", proxy.port), 5).close()
        return False
    except ConnectionRefusedError:
        return True


def test_passes_and_passes_again(proxy, connect):
    assert ask(connect()).endswith(b"hello")
    proxy.set("silent")
    proxy.set("pass")
    assert ask(connect()).endswith(b"hello")


def test_refuses(proxy, connect):
    old = connect()
    ask(old)
    proxy.set("refuse")
    assert refuses(proxy) and is_reset(old)


def test_resets(proxy, connect):
    proxy.set("reset")
    assert is_reset_at_once(connect)


def test_answers_garbage(proxy, connect):
    old = connect()
    ask(old)
    proxy.set("garbage")
    assert b"hello" not in old.recv(65536)
    assert b"hello" not in ask(connect())


def test_is_silent(proxy, connect):
    old = connect()
    ask(old)
    proxy.set("silent")
    assert is_reset(old)
    new = connect()
    new.sendall(REQUEST)
    assert is_silent(new)


def test_half_open_connections_stay_lost(proxy, connect):
    old = connect()
    ask(old)
    proxy.set("half_open")
    old.sendall(REQUEST)
    new = connect()
    new.sendall(REQUEST)
    assert is_silent(old) and is_silent(new, 0)
    proxy.set("pass")
    assert ask(connect()).endswith(b"hello")
    assert is_silent(old)


def test_is_slow_on_open_connections_too(proxy, connect):
    old = connect()
    ask(old)
    proxy.set("slow", seconds=0.2)
    begin = time.monotonic()
    assert ask(old).endswith(b"hello")
    assert time.monotonic() - begin >= 0.4


def test_trickles_what_the_server_says(proxy, connect):
    proxy.set("trickle", seconds=0.01)
    connection, pieces = connect(), []
    connection.sendall(REQUEST)
    while not b"".join(pieces).endswith(b"hello"):
        pieces.append(connection.recv(65536))
    assert len(pieces) > 10


def test_cuts_answers_off(proxy, connect):
    proxy.set("cut", after=10)
    connection = connect()
    assert ask(connection) == b"HTTP/1.1 2"
    assert is_reset(connection)


def test_is_impatient_with_idle_connections(proxy, connect):
    proxy.set("impatient", seconds=0.1)
    connection = connect()
    assert ask(connection).endswith(b"hello")
    assert is_reset(connection)


def test_answers_by_a_head_without_end(proxy, connect):
    proxy.set("endless")
    connection, size = connect(), 0
    connection.sendall(REQUEST)
    while size < 1 << 20:
        data = connection.recv(65536)
        assert data and b"\r\n\r\n" not in data
        size += len(data)


def test_flaps(proxy):
    proxy.set("flap", period=0.1)
    for _ in range(2):
        eventually(lambda: refuses(proxy), "a refusal")
        eventually(lambda: not refuses(proxy), "a connection")
    proxy.set("pass")
    assert not refuses(proxy)


@pytest.fixture
def datagrams():
    """(a client's socket, the server's, the proxy between them)"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        server.bind(("127.0.0.1", 0))
        with FaultProxy(server.getsockname()[1], udp=True) as proxy:
            client.connect(("127.0.0.1", proxy.port))
            server.settimeout(5)
            client.settimeout(5)
            yield client, server, proxy


def test_datagrams_pass_both_ways(datagrams):
    client, server, _ = datagrams
    client.send(b"ping")
    data, sender = server.recvfrom(100)
    server.sendto(data + b" pong", sender)
    assert client.recv(100) == b"ping pong"


def test_datagrams_get_lost_are_refused_and_answered_by_rubbish(datagrams):
    client, server, proxy = datagrams
    proxy.set("silent")
    client.send(b"ping")
    assert is_silent(server) and is_silent(client, 0)
    proxy.set("garbage")
    client.send(b"ping")
    assert client.recv(65536) and is_silent(server, 0)
    proxy.set("refuse")
    client.send(b"ping")
    with pytest.raises(ConnectionRefusedError):
        client.recv(100)
