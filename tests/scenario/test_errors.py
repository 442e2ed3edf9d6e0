"""Every row of the error table that a client can see, reached once (sidecar/core/err.h)."""

import contextlib
import re
import resource
import select
import signal
import threading
from pathlib import Path

import pytest

from .lib import ROOT, binary, black_hole, close, eventually, is_stopped, ok, refusing, reset, stall, then, unwell

ROW = re.compile(r'X\((\w+), +"(\w+)", +(\w+), +(\w+), +(\d+), "([^"]+)"\)')
TABLE = {code: (int(status), text) for _, code, _, _, status, text in ROW.findall((ROOT / "sidecar/core/err.h").read_text())}
SHOWN = sorted(code for code, (status, _) in TABLE.items() if status)


class Resets:
    """An instance that answers, and resets the connection when it is told to."""

    def __init__(self):
        self.latest = None  # (told, done) of the last answer

    def __call__(self, peer, request):
        told, done = self.latest = threading.Event(), threading.Event()
        peer.send(ok())
        told.wait(5)
        peer.reset()
        done.set()

    def reset(self):
        told, done = self.latest
        told.set()
        assert done.wait(5)


def try_a_stale_connection(s, c, instance):
    s.process.send_signal(signal.SIGSTOP)
    eventually(lambda: is_stopped(s.process.pid), "all its threads to stop")
    c.request("/users/2")
    instance.reset()
    s.process.send_signal(signal.SIGCONT)
    return c.response()


def stale_connection(s, up):
    """Request and reset are both there when the sidecar looks, in this order, and the connection was idle for too short a
    time to be doubted: if the machine was quick enough."""
    for _ in range(200):
        with s.connect() as c:
            if c.request("/users/1").response().status != 200:
                continue  # a reset of the last try
            answer = try_a_stale_connection(s, c, up.answers[0])
            if answer.all("csidecar-error") == ["stale_connection"]:
                return answer
            up.answers[0].reset()
    raise AssertionError("never quick enough")


def limit_memory(pid, size):
    resource.prlimit(pid, resource.RLIMIT_DATA, (size, resource.RLIM_INFINITY))


def refused_for_memory(clients):
    """Heads that wait for their answer take what there is, until one is refused."""
    for c in clients:
        c.request("/users/x", "GET", "X-Much: " + "m" * 50000)
        if select.select([c.socket], [], [], 0.02)[0]:
            return c.response()
    raise AssertionError("there was always more")


def out_of_memory(s, up):
    with contextlib.ExitStack() as kept:
        clients = [kept.enter_context(s.connect()) for _ in range(500)]
        for c in clients:
            assert c.request("/_csidecar/health").response().status == 200
        data = re.search(r"VmData:\s+(\d+)", Path("/proc/%d/status" % s.process.pid).read_text())[1]
        limit_memory(s.process.pid, int(data) * 1024)
        answer = refused_for_memory(clients)
        limit_memory(s.process.pid, resource.RLIM_INFINITY)
        return answer


def bad_request(s, up):
    return s.get("/users/x", "Content-Length: +5")


def unauthorized(s, up):
    return s.get("/users/x")


def forbidden_origin(s, up):
    return s.get("/users/x", "Origin: https://evil.example")


def no_such_service(s, up):
    return s.get("/nosuch/x")


def no_route(s, up):
    return s.get("/")


def method_not_allowed(s, up):
    return s.request("users:80", "CONNECT", host="users:80")


def request_timeout(s, up):
    with s.connect() as c:
        return c.send("GET /users/x HT").response()


def target_too_long(s, up):
    return s.get("/users/" + "t" * 40000)


def expectation_failed(s, up):
    return s.get("/users/x", "Expect: miracles")


def misdirected(s, up):
    return s.get("/users/x", host="evil.example")


def head_too_large(s, up):
    return s.get("/users/x", *["X-A: 1"] * 150)


def http_version(s, up):
    return s.get("/users/x", version="HTTP/2.0")


def loop_detected(s, up):
    s.get("/users/x")
    return s.get("/users/x", "Via: " + up.last["via"])


def overloaded(s, up):
    with s.connect() as c:
        c.request("/users/x")
        eventually(lambda: up.requests, "the first request")
        return s.get("/users/x")


def registry_unavailable(s, up):
    return s.get("/nosuch/x", "csidecar-timeout: 300ms")


def draining(s, up):
    with s.connect() as busy:
        busy.request("/users/1")
        eventually(lambda: len(up.requests) == 1, "the request that keeps it alive")
        s.process.send_signal(signal.SIGTERM)
        eventually(lambda: "not_ready" in s.log(), "the drain to begin")
        return eventually(lambda: refused_for_drain(s), "new requests to be refused")


def refused_for_drain(s):
    answer = s.get("/users/2", "csidecar-timeout: 100ms")
    return answer if answer.status == 503 else None


def no_instance(s, up):
    return s.get("/users/x", "csidecar-instance: nosuch")


def simple(s, up):
    return s.get("/users/x")


def post(s, up):
    return s.post("/users/x")


def try_timeout(s, up):
    """Fires while another attempt is possible; seen once the budget forbids that."""
    for _ in range(20):
        answer = s.get("/users/x")
        if answer["csidecar-error"] == "try_timeout":
            return answer
    return answer


ONE_TRY = {"retries": {"max": 0}}
NO_BUDGET = {"retries": {"budget": "0%", "budget_min": 0, "backoff": "0s"}, "try_timeout": "30ms", "timeout": "200ms"}

# code: (what is done, the upstream's answers, settings of the service, settings)
REACHED = {
    "bad_request": (bad_request, [], {}, {}),
    "unauthorized": (unauthorized, [], {}, {"proxy": {"token": "sesame"}}),
    "forbidden_origin": (forbidden_origin, [], {}, {}),
    "no_such_service": (no_such_service, [], {}, {}),
    "no_route": (no_route, [], {}, {}),
    "method_not_allowed": (method_not_allowed, [], {}, {}),
    "request_timeout": (request_timeout, [], {}, {"limits": {"head_timeout": "200ms"}}),
    "target_too_long": (target_too_long, [], {}, {}),
    "expectation_failed": (expectation_failed, [], {}, {}),
    "misdirected": (misdirected, [], {}, {}),
    "head_too_large": (head_too_large, [], {}, {}),
    "http_version": (http_version, [], {}, {}),
    "loop_detected": (loop_detected, [], {}, {}),
    "overloaded": (overloaded, [stall], {"limits": {"in_flight": 1, "waiting": 0}}, {}),
    "registry_unavailable": (registry_unavailable, [], {}, {"registry": {"url": "file:/nonexistent/services.yaml"}}),
    "draining": (draining, [stall], {}, {"drain": {"settle": "0s", "finish": "3s"}}),
    "no_instance": (no_instance, [], {}, {}),
    "connect_failed": (simple, refusing, ONE_TRY, {}),
    "connect_timeout": (simple, black_hole, {"connect_timeout": "100ms", **ONE_TRY}, {}),
    "upstream_reset": (post, [reset], {}, {}),
    "upstream_status": (simple, [unwell()], ONE_TRY, {}),
    "try_timeout": (try_timeout, [stall], NO_BUDGET, {}),
    "bad_response": (simple, [then(b"garbage\r\n\r\n", close)], {}, {}),
    "stale_connection": (stale_connection, [Resets()], ONE_TRY, {}),
    "out_of_memory": (out_of_memory, [stall], {}, {}),
    "deadline": (simple, [stall], {"timeout": "100ms", **ONE_TRY}, {}),
}

CUT = then(ok("hello")[:-2], close)
IDLE = then(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", stall)

# Too late for an answer: these stand in the access log alone. code: (answers, settings of the service, who ends it)
LOGGED = {
    "client_gone": ([stall], {}, "client"),
    "response_truncated": ([CUT], {}, "sidecar"),
    "idle_timeout": ([IDLE], {"idle_timeout": "200ms"}, "sidecar"),
}


def test_every_row_has_its_scenario():
    assert set(SHOWN) == set(REACHED) | set(LOGGED)


def is_instrumented():
    """A sanitizer's allocator ends the process where malloc() would have failed."""
    return b"__sanitizer" in Path(binary()).read_bytes()


@pytest.mark.parametrize("code", sorted(set(REACHED) - ({"out_of_memory"} if is_instrumented() else set())))
def test_reaches(upstream, sidecar, code):
    act, answers, policy, settings = REACHED[code]
    kept = []
    if callable(answers):
        address = answers()
        address, kept = address if isinstance(address, tuple) else (address, [])
        up = None
    else:
        up = upstream(*answers)
        address = up.address
    s = sidecar(settings=settings, users={"instances": [address], **policy})
    answer = act(s, up)
    assert answer.status == TABLE[code][0], answer
    if code == "upstream_status":  # the instance's own answer, and why it was not tried again
        assert answer.body == b"unwell"
        s.wait_for_log("retry=retries_used_up")
    else:
        assert answer["csidecar-error"] == code and answer.json()["code"] == code
        assert answer["content-type"].startswith("application/problem+json")
        s.wait_for_log("error=" + code)
    for each in kept:
        each.close()


@pytest.mark.parametrize("code", sorted(LOGGED))
def test_logs(upstream, sidecar, client, code):
    answers, policy, who = LOGGED[code]
    up = upstream(*answers)
    s = sidecar(users={"instances": [up.address], **ONE_TRY, **policy})
    c = client(s)
    c.request("/users/x")
    eventually(lambda: up.requests, "the request")
    if who == "client":
        c.close()
    s.wait_for_log("error=" + code)
