"""When a request may be sent again (docs/retries.md), and that nothing else is."""

import signal
import socket
import threading

import pytest

from .lib import close, eventually, is_stopped, ok, problem, refusing, reset, stall, takes, then, unwell

IDEMPOTENT = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]
NOT_IDEMPOTENT = ["POST", "PATCH"]
QUICK = {"retries": {"backoff": "1ms", "backoff_max": "2ms"}}


def in_turn(*instances, **settings):
    """Instances taken in order, so that the first attempt meets the first."""
    return {"instances": [i if isinstance(i, str) else i.address for i in instances], "balancer": "round_robin", **QUICK, **settings}


def sent(*upstreams):
    return sum(len(u.requests) for u in upstreams)


def bodies(s, count, target="/users/x"):
    return {s.get(target).body for _ in range(count)}


# ---- never sent ----


@pytest.mark.parametrize("method", IDEMPOTENT + NOT_IDEMPOTENT)
def test_refused_connections_go_to_another_instance(upstream, sidecar, method):
    good = upstream()
    s = sidecar(users=in_turn(refusing(), good))
    for _ in range(4):
        assert s.request("/users/x", method, body=b"hello").status == 200
    assert sent(good) == 4


def test_all_refusing_is_a_502_that_says_how_often_it_tried(sidecar):
    answer = sidecar(users=in_turn(refusing(), refusing(), refusing())).get("/users/x")
    assert problem(answer, 502, "connect_failed")["attempts"] == 3
    assert answer["csidecar-attempts"] == "3"


def test_a_body_survives_a_refused_connection(upstream, sidecar):
    good = upstream()
    s = sidecar(users=in_turn(refusing(), refusing(), good))
    assert s.post("/users/x", body=b"b" * 30000).status == 200
    assert good.last.body == b"b" * 30000


def test_a_large_body_survives_a_refused_connection(upstream, sidecar):
    """Not a byte of it was sent, so its size is no matter."""
    good = upstream()
    s = sidecar(users=in_turn(refusing(), good))
    for _ in range(2):
        assert s.post("/users/x", body=b"b" * 500000).status == 200
    assert good.last.body == b"b" * 500000


def test_a_connection_that_dies_just_now_is_never_noticed(upstream, sidecar, client):
    """Request and FIN are both there when the sidecar looks: the pool asks the kernel first (after 50 ms of idling)."""
    good = upstream()
    s = sidecar(users=in_turn(good))
    c = client(s)
    assert c.request("/users/1", "POST", body=b"hello").response().status == 200
    s.process.send_signal(signal.SIGSTOP)
    eventually(lambda: is_stopped(s.process.pid), "all its threads to stop")
    c.request("/users/2", "POST", body=b"hello")
    good.peers[0].socket.shutdown(socket.SHUT_RDWR)
    threading.Event().wait(0.1)
    s.process.send_signal(signal.SIGCONT)
    assert c.response().status == 200
    assert [r.target for r in good.requests] == ["/1", "/2"]


# ---- maybe processed ----


@pytest.mark.parametrize("fault", [reset, close, unwell()], ids=["reset", "close", "503"])
@pytest.mark.parametrize("method", IDEMPOTENT)
def test_idempotent_methods_are_sent_again(upstream, sidecar, method, fault):
    bad, good = upstream(fault), upstream()
    s = sidecar(users=in_turn(bad, good))
    for _ in range(2):
        assert s.request("/users/x", method).status == 200
    assert sent(bad) >= 1


@pytest.mark.parametrize("fault", [reset, close], ids=["reset", "close"])
@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
def test_other_methods_are_sent_once(upstream, sidecar, method, fault):
    bad = upstream(fault)
    answer = sidecar(users=in_turn(bad)).request("/users/x", method, body=b"hello")
    assert problem(answer, 502, "upstream_reset")["attempts"] == 1
    assert sent(bad) == 1


def test_a_503_to_a_post_is_passed_on(upstream, sidecar):
    bad = upstream(unwell())
    answer = sidecar(users=in_turn(bad)).post("/users/x")
    assert answer.status == 503 and answer.body == b"unwell" and sent(bad) == 1


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "504 Gateway Timeout"])
def test_statuses_that_are_tried_again(upstream, sidecar, status):
    bad = upstream(ok("no", status=status), ok("yes"))
    answer = sidecar(users=in_turn(bad)).get("/users/x")
    assert answer.body == b"yes" and answer["csidecar-attempts"] == "2"


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "409 Conflict", "500 Internal Server Error", "501 Not Implemented"])
def test_statuses_that_are_answers(upstream, sidecar, status):
    bad = upstream(ok("no", status=status))
    answer = sidecar(users=in_turn(bad)).get("/users/x")
    assert answer.status == int(status[:3]) and sent(bad) == 1


def test_the_last_503_is_passed_on_as_it_is(upstream, sidecar):
    bad = upstream(unwell("X-Why: because"))
    answer = sidecar(users=in_turn(bad)).get("/users/x")
    assert answer.status == 503 and answer.body == b"unwell" and answer["x-why"] == "because"
    assert answer["csidecar-attempts"] == "3" and sent(bad) == 3


@pytest.mark.parametrize("method", NOT_IDEMPOTENT)
def test_an_idempotency_key_makes_any_method_repeatable(upstream, sidecar, method):
    bad = upstream(reset, ok("yes"))
    answer = sidecar(users=in_turn(bad)).request("/users/x", method, "Idempotency-Key: 1", body=b"hello")
    assert answer.body == b"yes" and [r.body for r in bad.requests] == [b"hello", b"hello"]


def test_a_kept_body_is_sent_again_whole(upstream, sidecar):
    bad, body = upstream(reset, ok("yes")), b"b" * 60000
    assert sidecar(users=in_turn(bad)).request("/users/x", "PUT", body=body).body == b"yes"
    assert [r.body == body for r in bad.requests] == [True, True]


def test_a_chunked_body_is_sent_again_whole(upstream, sidecar, client):
    bad = upstream(reset, ok("yes"))
    c = client(sidecar(users=in_turn(bad)))
    c.request("/users/x", "PUT", "Transfer-Encoding: chunked").send(b"5\r\nhello\r\n0\r\n\r\n")
    assert c.response().body == b"yes"
    assert [r.body for r in bad.requests] == [b"hello", b"hello"]


def test_a_body_past_the_replay_buffer_is_sent_once(upstream, sidecar):
    bad = upstream(reset)
    answer = sidecar(users=in_turn(bad)).request("/users/x", "PUT", body=b"b" * 200000)
    assert answer.status == 502 and sent(bad) == 1


def test_an_attempt_that_takes_too_long_is_tried_elsewhere(upstream, sidecar):
    slow, good = upstream(stall), upstream()
    s = sidecar(users=in_turn(slow, good, try_timeout="100ms"))
    with takes(0.0, 2.0):
        assert {s.get("/users/x").status for _ in range(2)} == {200}
    assert sent(slow) >= 1


# ---- answered ----


@pytest.mark.parametrize("action", [reset, close])
def test_after_the_head_there_is_no_second_attempt(upstream, sidecar, client, action):
    bad = upstream(then(ok("hello")[:-2], action))
    c = client(sidecar(users=in_turn(bad)))
    c.request("/users/x").response_head()
    assert c.read(3) == b"hel"
    assert c.is_closed() and sent(bad) == 1


def test_after_a_relayed_100_later_attempts_expect_nothing(upstream, sidecar, client):
    bad = upstream(reset, ok("yes"))
    c = client(sidecar(users=in_turn(bad)))
    c.request("/users/x", "PUT", "Expect: 100-continue", "Content-Length: 5")
    assert c.read_head().status == 100
    assert c.send(b"hello").response().body == b"yes"
    assert ["expect" in r for r in bad.requests] == [True, False]


# ---- limits on it all ----


def test_retries_can_be_turned_off(upstream, sidecar):
    bad = upstream(reset)
    answer = sidecar(users=in_turn(bad, retries={"max": 0})).get("/users/x")
    assert answer.status == 502 and sent(bad) == 1


def test_retries_can_be_turned_off_for_one_request(upstream, sidecar):
    bad = upstream(reset)
    assert sidecar(users=in_turn(bad)).get("/users/x", "csidecar-retries: 0").status == 502
    assert sent(bad) == 1


def test_retries_can_be_raised_for_one_request(upstream, sidecar):
    bad = upstream(reset, reset, reset, ok("yes"))
    assert sidecar(users=in_turn(bad, outlier={"failures": 0})).get("/users/x", "csidecar-retries: 3").body == b"yes"


def test_a_budget_bounds_the_retries(upstream, sidecar):
    bad = upstream(unwell())
    s = sidecar(users=in_turn(bad, retries={"max": 2, "backoff": "0s", "budget": "0%", "budget_min": 0}))
    for _ in range(30):
        assert s.get("/users/x").status == 503
    assert sent(bad) <= 30 + 10


def test_retry_after_is_waited_for(upstream, sidecar):
    bad = upstream(unwell("Retry-After: 1"), ok("yes"))
    s = sidecar(users=in_turn(bad))
    with takes(0.9, 3.0):
        assert s.get("/users/x").body == b"yes"


def test_retry_after_past_the_deadline_is_passed_on_at_once(upstream, sidecar):
    bad = upstream(unwell("Retry-After: 60"))
    s = sidecar(users=in_turn(bad, timeout="2s"))
    with takes(0.0, 1.0):
        answer = s.get("/users/x")
    assert answer.status == 503 and answer["retry-after"] == "60" and sent(bad) == 1


def test_429_with_retry_after(upstream, sidecar):
    bad = upstream(ok("slow down", "Retry-After: 1", status="429 Too Many Requests"), ok("yes"))
    with takes(0.9, 3.0):
        assert sidecar(users=in_turn(bad)).get("/users/x").body == b"yes"


# ---- outlier ejection and balancing ----


def test_an_instance_that_fails_rests(upstream, sidecar):
    bad, good = upstream(reset), upstream()
    s = sidecar(users=in_turn(bad, good))
    for _ in range(30):
        assert s.get("/users/x").status == 200
    assert sent(bad) <= 6 and sent(good) == 30


def test_the_last_instance_never_rests(upstream, sidecar):
    bad = upstream(*[reset] * 30, ok("yes"))
    s = sidecar(users=in_turn(bad, retries={"max": 0}))
    for _ in range(30):
        assert s.get("/users/x").status == 502
    assert s.get("/users/x").body == b"yes"


def test_an_instance_comes_back(upstream, sidecar):
    bad, good = upstream(*[reset] * 5, ok("back")), upstream(ok("good"))
    s = sidecar(users=in_turn(bad, good, outlier={"failures": 5, "rest": "200ms"}))
    bodies(s, 10)
    assert sent(bad) == 5
    eventually(lambda: s.get("/users/x").body == b"back", "the instance to come back")


@pytest.mark.parametrize("balancer", ["p2c", "ewma", "round_robin", "random"])
def test_balancers_use_all_instances(upstream, sidecar, balancer):
    three = [upstream(ok(str(i))) for i in range(3)]
    assert len(bodies(sidecar(users=in_turn(*three, balancer=balancer)), 60)) == 3


def test_hash_keeps_to_one_instance(upstream, sidecar):
    three = [upstream(ok(str(i))) for i in range(3)]
    s = sidecar(users=in_turn(*three, balancer="hash"))
    assert len({s.get("/users/x", "csidecar-hash: k").body for _ in range(10)}) == 1
    assert len({s.get("/users/x", "csidecar-hash: %d" % i).body for i in range(40)}) == 3


def test_hash_of_a_configured_field(upstream, sidecar):
    three = [upstream(ok(str(i))) for i in range(3)]
    s = sidecar(users=in_turn(*three, balancer="hash", hash_header="X-User"))
    assert len({s.get("/users/x", "X-User: 7").body for _ in range(10)}) == 1


def test_weights_are_honoured(upstream, sidecar):
    heavy, light = upstream(), upstream()
    instances = [{"address": heavy.address, "weight": 9}, {"address": light.address, "weight": 1}]
    s = sidecar(settings={"services": {"users": {"instances": instances, "balancer": "round_robin"}}})
    bodies(s, 100)
    assert 80 <= sent(heavy) <= 97 and sent(light) >= 3
