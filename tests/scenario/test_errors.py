"""Every row of the error table that a client can see, reached once (sidecar/core/err.h)."""

import re
import signal

import pytest

from .lib import ROOT, black_hole, close, eventually, ok, refusing, reset, stall, then, unwell

ROW = re.compile(r'X\((\w+), +"(\w+)", +(\w+), +(\w+), +(\d+), "([^"]+)"\)')
TABLE = {code: (int(status), text) for _, code, _, _, status, text in ROW.findall((ROOT / "sidecar/core/err.h").read_text())}
SHOWN = sorted(code for code, (status, _) in TABLE.items() if status)

# What no outside can bring about at will; unit tests reach them.
NOT_FROM_OUTSIDE = {
    "out_of_memory": "allocation fails on demand in unit tests only",
    "stale_connection": "the next attempt, on a fresh connection, hides it; see test_retries.py",
}


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
    assert set(SHOWN) == set(REACHED) | set(LOGGED) | set(NOT_FROM_OUTSIDE)


@pytest.mark.parametrize("code", sorted(REACHED))
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
