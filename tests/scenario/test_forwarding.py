"""Bodies, framing, interim responses, connections and tunnels."""

import socket
import threading

import pytest

from .lib import Ended, close, echo, eventually, ok, problem, refusing, reset, stall, then

BIG = bytes(range(256)) * 20000  # 5 MB
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
WEBSOCKET = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n"


def chunks(*data):
    return b"".join(b"%x\r\n%s\r\n" % (len(d), d) for d in data) + b"0\r\n\r\n"


# ---- bodies ----


def test_a_length_body_comes_back_whole(upstream, sidecar):
    assert sidecar(users=upstream(ok("hello"))).get("/users/x").body == b"hello"


def test_a_chunked_answer(upstream, sidecar):
    answer = sidecar(users=upstream(CHUNKED + chunks(b"hel", b"lo"))).get("/users/x")
    assert answer.body == b"hello" and answer.whole


def test_an_answer_until_close(upstream, sidecar):
    users = upstream(then(b"HTTP/1.1 200 OK\r\n\r\nhello", close))
    assert sidecar(users=users).get("/users/x").body == b"hello"


def test_an_answer_to_1_0_is_never_chunked(upstream, sidecar):
    answer = sidecar(users=upstream(CHUNKED + chunks(b"hello"))).get("/users/x", version="HTTP/1.0")
    assert answer.body == b"hello" and "transfer-encoding" not in answer


def test_an_empty_answer(upstream, sidecar):
    answer = sidecar(users=upstream(ok(""))).get("/users/x")
    assert answer.whole and answer.body == b"" and answer["content-length"] == "0"


def test_a_large_download(upstream, sidecar):
    assert sidecar(users=upstream(ok(BIG))).get("/users/x").body == BIG


def test_a_large_upload(upstream, sidecar):
    assert sidecar(users=upstream(echo)).post("/users/x", body=BIG).body == BIG


def test_a_chunked_upload(upstream, sidecar, client):
    users = upstream(echo)
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Transfer-Encoding: chunked").send(chunks(b"hel", b"lo"))
    assert c.response().body == b"hello"
    assert users.last["transfer-encoding"] == "chunked" and "content-length" not in users.last


def test_an_upload_is_not_held_back(upstream, sidecar, client):
    first = []
    users = upstream(raw=lambda peer: (peer.read_head(), first.append(peer.read(5)), stall(peer, None)))
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Content-Length: 10").send(b"hello")
    eventually(lambda: first == [b"hello"], "the first half at the upstream")


def test_a_download_is_not_held_back(upstream, sidecar, client):
    users = upstream(then(CHUNKED + b"5\r\nhello\r\n", stall))
    c = client(sidecar(users=users))
    c.request("/users/x").response_head()
    assert c.read_chunk() == b"hello"


def test_server_sent_events_come_one_by_one(upstream, sidecar, client):
    users = upstream(then(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n", stall))
    c = client(sidecar(users=users))
    c.request("/users/x").response_head()
    assert b"data: 1\n\n" in c.read_until(b"\n\n")
    users.peers[0].send(b"data: 2\n\n")
    assert b"data: 2\n\n" in c.read_until(b"2\n\n")


@pytest.mark.parametrize("size", [0, 1, 1023, 4096, 65535, 65536, 65537, 200000])
def test_bodies_of_any_size_there_and_back(upstream, sidecar, size):
    assert sidecar(users=upstream(echo)).post("/users/x", body=BIG[:size]).body == BIG[:size]


def test_bytes_one_at_a_time(upstream, sidecar, client):
    c = client(sidecar(users=upstream(echo)))
    c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in b"POST /users/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello":
        c.send(bytes([byte]))
    assert c.response().body == b"hello"


def test_a_slow_reader_costs_no_memory(upstream, sidecar, client):
    users = upstream(ok(bytes(50_000_000)))
    s = sidecar(users=users)
    s.get("/users/x")
    before = s.rss_kib()
    c = client(s)
    c.request("/users/x").response_head()
    eventually(lambda: len(users.requests) == 2, "the second request")
    assert s.grew_less_than(before, 8192)


def test_a_slow_upstream_holds_the_client_back(upstream, sidecar, client):
    users = upstream(raw=lambda peer: (peer.read_head(), threading.Event().wait(5)))
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Content-Length: 100000000")
    c.socket.settimeout(0.5)
    with pytest.raises(socket.timeout):
        for _ in range(1000):
            c.send(bytes(100000))


# ---- trailers and interim responses ----


def test_trailers_of_a_request(upstream, sidecar, client):
    users = upstream()
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Transfer-Encoding: chunked", "Trailer: X-Sum").send(b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert c.response().status == 200
    assert users.last.trailers == [("X-Sum", "1")]


def test_trailers_of_an_answer(upstream, sidecar):
    users = upstream(CHUNKED + b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
    assert sidecar(users=users).get("/users/x", "TE: trailers", "Connection: TE").trailers == [("X-Sum", "1")]


def test_a_100_comes_from_the_upstream(upstream, sidecar, client):
    users = upstream(echo)
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Expect: 100-continue", "Content-Length: 5")
    assert c.read_head().status == 100
    assert c.send(b"hello").response().body == b"hello"
    assert users.last["expect"] == "100-continue"


def test_a_final_answer_instead_of_100(upstream, sidecar, client):
    no = ok("no", status="417 Expectation Failed")
    users = upstream(raw=lambda peer: (peer.read_head(), peer.send(no), stall(peer, None)))
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Expect: 100-continue", "Content-Length: 5")
    answer = c.response()
    assert answer.status == 417 and answer.interim == []


def test_early_hints_pass(upstream, sidecar):
    users = upstream(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n" + ok("hi"))
    answer = sidecar(users=users).get("/users/x")
    assert [i.status for i in answer.interim] == [103]
    assert answer.interim[0]["link"] == "</a.css>; rel=preload" and answer.body == b"hi"


def test_interim_responses_are_kept_from_1_0(upstream, sidecar):
    users = upstream(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok("hi"))
    answer = sidecar(users=users).get("/users/x", version="HTTP/1.0")
    assert answer.interim == [] and answer.body == b"hi"


# ---- answers without a body ----


def test_head_keeps_the_length_and_has_no_body(upstream, sidecar, client):
    users = upstream(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", ok("next"))
    c = client(sidecar(users=users))
    assert c.request("/users/x", "HEAD").response("HEAD")["content-length"] == "500"
    assert c.request("/users/y").response().body == b"next"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_answers_that_have_no_body(upstream, sidecar, client, status):
    users = upstream(b"HTTP/1.1 %s\r\nETag: x\r\n\r\n" % status.encode(), ok("next"))
    c = client(sidecar(users=users))
    answer = c.request("/users/x").response()
    assert answer.status == int(status[:3]) and answer["etag"] == "x"
    assert c.request("/users/y").response().body == b"next"


# ---- connections ----


def test_a_client_connection_is_kept(upstream, sidecar, client):
    c = client(sidecar(users=upstream()))
    for _ in range(5):
        assert c.request("/users/x").response().status == 200


def test_an_upstream_connection_is_kept(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    for _ in range(5):
        assert s.get("/users/x").status == 200
    assert users.connections == 1


@pytest.mark.parametrize("fields, version", [(["Connection: close"], "HTTP/1.1"), ([], "HTTP/1.0"), (["Connection: x, CLOSE"], "HTTP/1.1")])
def test_a_client_that_asks_for_the_end_gets_it(upstream, sidecar, client, fields, version):
    c = client(sidecar(users=upstream()))
    answer = c.request("/users/x", "GET", *fields, version=version).response()
    assert answer.status == 200 and c.is_closed()


def test_an_end_the_client_asked_for_is_not_waited_for(upstream, sidecar, client):
    """It is closed at once: what comes nevertheless is answered with a reset by the kernel."""
    c = client(sidecar(users=upstream()))
    assert c.request("/users/x", "GET", "Connection: close").response().status == 200 and c.is_closed()
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        for _ in range(2):
            c.send("x").socket.recv(1)


@pytest.mark.parametrize("request_text", [
    "GET /users/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\nGET /users/y HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /users/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi\r\n"])
def test_what_comes_behind_the_last_request_does_not_cost_its_answer(upstream, sidecar, client, request_text):
    """A close with something unread would reset the connection, and the answer might be lost with it."""
    c = client(sidecar(users=upstream(ok(BIG))))
    c.send(request_text)
    assert c.response().body == BIG
    assert c.socket.recv(1) == b""


def test_1_0_keep_alive(upstream, sidecar, client):
    c = client(sidecar(users=upstream()))
    for _ in range(2):
        answer = c.request("/users/x", "GET", "Connection: keep-alive", version="HTTP/1.0").response()
        assert answer.status == 200 and answer["connection"].lower() == "keep-alive"


def test_an_upstream_that_closes_is_not_reused(upstream, sidecar):
    users = upstream(then(ok("a", "Connection: close"), close))
    s = sidecar(users=users)
    assert [s.get("/users/x").body, s.post("/users/x").body] == [b"a", b"a"]
    assert users.connections == 2


def test_the_upstreams_close_is_not_the_clients(upstream, sidecar, client):
    users = upstream(then(ok("a", "Connection: close"), close))
    c = client(sidecar(users=users))
    for _ in range(3):
        assert c.request("/users/x").response().body == b"a"


def test_a_pooled_connection_that_died_is_not_used(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    for _ in range(5):
        assert s.post("/users/x").status == 200
        users.peers[-1].socket.shutdown(socket.SHUT_RDWR)
    assert len(users.requests) == 5


def test_pipelined_requests_are_answered_in_order(upstream, sidecar, client):
    users = upstream(lambda peer, request: peer.send(ok(request.target)))
    c = client(sidecar(users=users))
    c.send("".join("GET /users/%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % i for i in range(20)))
    assert [c.response().body for _ in range(20)] == [b"/%d" % i for i in range(20)]


def test_a_client_that_leaves_ends_the_attempt(upstream, sidecar, client):
    users = upstream(stall)
    c = client(sidecar(users=users))
    c.request("/users/x")
    eventually(lambda: users.requests, "the request")
    c.close()
    eventually(lambda: users.peers[0].socket.fileno() < 0, "the end of the attempt")


def test_a_half_closed_client_is_answered(upstream, sidecar, client):
    c = client(sidecar(users=upstream()))
    c.request("/users/x").half_close()
    assert c.response().status == 200


def test_an_early_answer_reaches_a_client_that_still_sends(upstream, sidecar, client):
    no = ok("too large", "Connection: close", status="413 Content Too Large")
    users = upstream(raw=lambda peer: (peer.read_head(), peer.send(no), stall(peer, None)))
    c = client(sidecar(users=users))
    c.request("/users/x", "POST", "Content-Length: 1000000").send(b"begun")
    assert c.response().status == 413


# ---- what goes wrong ----


def test_an_instance_that_refuses_is_a_502(sidecar):
    document = problem(sidecar(users=refusing()).get("/users/x"), 502, "connect_failed")
    assert document["service"] == "users" and document["attempts"] >= 1


@pytest.mark.parametrize("answer", [then(ok("hello")[:-2], close), then(CHUNKED + b"5\r\nhello\r\n", close), then(ok("hello")[:-2], reset)])
def test_a_truncated_answer_is_seen_to_be(upstream, sidecar, client, answer):
    c = client(sidecar(users=upstream(answer)))
    c.request("/users/x")
    with pytest.raises((Ended, ConnectionResetError)):
        c.response()


def test_garbage_is_a_502(upstream, sidecar):
    problem(sidecar(users=upstream(then(b"garbage\r\n\r\n", close))).get("/users/x"), 502, "bad_response")


def test_the_client_stays_connected_after_an_error_of_ours(upstream, sidecar, client):
    c = client(sidecar(users=upstream(), gone=refusing()))
    assert c.request("/gone/x").response().status == 502
    assert c.request("/users/x").response().status == 200


# ---- tunnels ----


def tunnel(peer, request):
    peer.send(SWITCH + b"welcome")
    while data := peer.socket.recv(65536):
        peer.send(data[::-1])


def test_a_websocket_is_a_tunnel(upstream, sidecar, client):
    users = upstream(tunnel)
    c = client(sidecar(users=users))
    answer = c.request("/users/ws", "GET", *WEBSOCKET).response()
    assert answer.status == 101 and answer["upgrade"] == "websocket" and answer["connection"].lower() == "upgrade"
    assert c.read(7) == b"welcome"
    assert c.send(b"\x81abc").read(4) == b"cba\x81"
    assert users.last["upgrade"] == "websocket" and users.last["sec-websocket-key"] == "dGhlIHNhbXBsZSBub25jZQ=="


def test_a_tunnel_ends_with_the_upstream(upstream, sidecar, client):
    c = client(sidecar(users=upstream(then(SWITCH, close))))
    assert c.request("/users/ws", "GET", *WEBSOCKET).response().status == 101
    assert c.is_closed()


def test_a_tunnel_ends_with_the_client(upstream, sidecar, client):
    ended = []
    users = upstream(lambda peer, request: (peer.send(SWITCH), ended.append(peer.read_to_end())))
    c = client(sidecar(users=users))
    assert c.request("/users/ws", "GET", *WEBSOCKET).response().status == 101
    c.send(b"bye").close()
    eventually(lambda: ended == [b"bye"], "the end of the tunnel")


def test_an_upstream_may_refuse_a_websocket(upstream, sidecar, client):
    c = client(sidecar(users=upstream(ok("no", status="400 Bad Request"), ok("next"))))
    assert c.request("/users/ws", "GET", *WEBSOCKET).response().status == 400
    assert c.request("/users/x").response().body == b"next"


def test_other_upgrades_are_left_out(upstream, sidecar):
    users = upstream()
    answer = sidecar(users=users).get("/users/x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    assert answer.status == 200
    assert "upgrade" not in users.last and "http2-settings" not in users.last


def test_a_configured_upgrade_is_a_tunnel(upstream, sidecar, client):
    users = upstream(then(SWITCH.replace(b"websocket", b"spdy/3.1") + b"hi", stall))
    c = client(sidecar(users={"instances": [users.address], "upgrades": ["spdy/3.1"]}))
    assert c.request("/users/x", "POST", "Connection: Upgrade", "Upgrade: spdy/3.1", body=b"").response().status == 101
    assert c.read(2) == b"hi"
