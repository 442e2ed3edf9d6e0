"""What takes longer than the deadline is not cut by it, and large bodies pass through little memory."""

import time

from scenario.lib import Client, eventually, then

from .paced import at_once, send, swallow
from .process import descriptors, memory_mib, peak_mib

GIB = 1 << 30
SECONDS = 20
DEADLINE = {"defaults": {"timeout": "2s"}}


def take_upload(peer):
    head = peer.read_head()
    got = swallow(peer, GIB)
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nX-Method: %s\r\n\r\n%d" % (head.method, got))
    peer.read_to_end()


def give_download(peer):
    peer.read_head()
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % GIB)
    send(peer, GIB, SECONDS)
    peer.read_to_end()


def test_a_gib_up_and_a_gib_down_at_once_take_less_than_8_mib(sidecar, upstream):
    s = sidecar(settings=DEADLINE, up=upstream(raw=take_upload), down=upstream(raw=give_download))
    with Client(s.address) as up, Client(s.address) as down:
        up.send("POST /up/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % GIB)
        got = []
        down.request("/down/x")
        with at_once(lambda: send(up, GIB, SECONDS), lambda: got.append((down.response_head(), swallow(down, GIB)))):
            pass
        answer = up.response()
        assert (answer.status, answer.body) == (200, b"%d" % GIB)
        assert (got[0][0].status, got[0][1]) == (200, GIB)
    assert peak_mib(s) < 8


EVENTS = 12
PAUSE = 0.25  # so all of them take longer than the deadline of 2 s


def give_events(peer, request):
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(EVENTS):
        event = "data: %d\n\n" % number
        peer.send("%x\r\n%s\r\n" % (len(event), event))
        time.sleep(PAUSE)
    peer.send("0\r\n\r\n")


def test_server_sent_events_outlive_the_deadline(sidecar, upstream):
    s = sidecar(settings=DEADLINE, news=upstream(give_events))
    with Client(s.address) as client:
        head = client.request("/news/x").response_head()
        assert head["content-type"] == "text/event-stream"
        begun = time.monotonic()
        assert client.read_chunk() == b"data: 0\n\n"
        assert time.monotonic() - begun < 1, "events come as they happen"
        for number in range(1, EVENTS):
            assert client.read_chunk() == b"data: %d\n\n" % number
        assert client.read_chunk() == b""


def echo_bytes(peer, request):
    while data := peer.socket.recv(4096):
        peer.send(data)


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def talk(sidecar, messages, pause):
    with Client(sidecar.address) as client:
        fields = "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        assert client.request("/chat/x", "GET", *fields).response_head().status == 101
        for number in range(messages):
            message = b"message %d" % number
            assert client.send(message).read(len(message)) == message
            time.sleep(pause)


def test_a_websocket_outlives_the_deadline_and_leaves_nothing(sidecar, upstream):
    s = sidecar(settings=DEADLINE, chat=upstream(then(SWITCH, echo_bytes)))
    talk(s, 1, 0)
    before = descriptors(s), memory_mib(s)
    talk(s, EVENTS, PAUSE)
    eventually(lambda: descriptors(s) <= before[0], "the descriptors to come back")
    assert memory_mib(s) < before[1] + 1
