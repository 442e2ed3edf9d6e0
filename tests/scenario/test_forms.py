"""All ways to name a service, and what is left of the target: byte for byte (docs/calling.md)."""

import pytest

from .lib import Client, eventually, free_port, ok, problem

TARGETS = [
    "/", "/items/7", "/items/7?x=%2F&y=a+b", "/a%2Fb", "/%2e%2e/x", "/../x", "//double//slash/", "/a;b=c", "/x?", "/x??y", "/%C3%A9", "/%zz",
    "/a'(b)*!$&,=:@~", "/x?q=/users/y", "/x?u=http://a.test/", "/" + "t" * 8000,
]  # fmt: skip


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t[:24])
def test_path_form_passes_the_rest_byte_for_byte(upstream, sidecar, target):
    users = upstream()
    assert sidecar(users=users).get("/users" + target).status == 200
    assert users.last.target == target


@pytest.mark.parametrize("target, left", [("/users", "/"), ("/users?x=1", "/?x=1"), ("/users/", "/"), ("/users//", "//")])
def test_path_form_with_nothing_after_the_service(upstream, sidecar, target, left):
    users = upstream()
    assert sidecar(users=users).get(target).status == 200
    assert users.last.target == left


def test_proxy_form(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    assert s.get("http://users/items/7?x=%2F", host="users").status == 200
    assert users.last.target == "/items/7?x=%2F"
    assert users.last["host"] == "users"


def test_proxy_form_without_a_path(upstream, sidecar):
    users = upstream()
    assert sidecar(users=users).get("http://users", host="users").status == 200
    assert users.last.target == "/"


def test_proxy_form_with_a_query_and_no_path(upstream, sidecar):
    users = upstream()
    assert sidecar(users=users).get("http://users?x=1", host="users").status == 200
    assert users.last.target == "/?x=1"


def test_proxy_form_wins_over_host(upstream, sidecar):
    users, orders = upstream(), upstream()
    assert sidecar(users=users, orders=orders).get("http://users/x", host="orders.localhost").status == 200
    assert len(users.requests) == 1 and not orders.requests


def test_proxy_form_to_the_endpoint_itself_is_the_path_form(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    assert s.get("http://127.0.0.1:%d/users/x" % s.port, host="127.0.0.1:%d" % s.port).status == 200
    assert users.last.target == "/x"


def test_proxy_form_to_an_unknown_authority_is_a_404_that_says_so(sidecar):
    document = problem(sidecar().get("http://nowhere.test/x", host="nowhere.test"), 404, "no_such_service")
    assert "nowhere.test" in str(document) and document["attempts"] == 0


def test_another_port_of_this_host_is_nobodys_path(upstream, sidecar):
    users = upstream()
    s = sidecar(users=users)
    document = problem(s.get("http://localhost:9/users/x", host="localhost:9"), 404, "no_route")
    assert "no_proxy" in document["hint"] and not users.requests


def test_proxy_form_to_any_authority_passes_with_egress(upstream, sidecar):
    other = upstream()
    s = sidecar(settings={"egress": True})
    assert s.get("http://%s/x" % other.address, host=other.address).status == 200
    assert other.last.target == "/x" and other.last["host"] == other.address


def test_egress_finds_names_by_dns_unless_a_registry_knows_them(upstream, sidecar):
    outside, users = upstream(), upstream()
    s = sidecar(settings={"egress": True}, users=users)
    assert s.get("http://localhost:%d/x" % outside.port, host="localhost").status == 200
    assert outside.last["host"] == "localhost:%d" % outside.port
    assert s.get("http://users/y", host="users").status == 200
    assert users.last.target == "/y" and len(outside.requests) == 1


def test_egress_never_leads_to_our_own_ports(sidecar):
    s = sidecar(settings={"egress": True})
    for host in ("127.0.0.1:%d", "0.0.0.0:%d", "[::1]:%d", "127.1.2.3:%d"):
        authority = host % s.admin_port
        problem(s.get("http://%s/stats" % authority, host=authority), 508, "loop_detected")
    authority = "localhost:%d" % s.admin_port
    problem(s.get("http://%s/stats" % authority, host=authority), 503, "no_instance")


def test_egress_keeps_the_browser_out(upstream, sidecar):
    outside = upstream()
    s = sidecar(settings={"egress": True})
    answer = s.get("http://%s/x" % outside.address, "Origin: http://evil.example", host=outside.address)
    problem(answer, 403, "forbidden_origin")
    assert not outside.requests


def test_egress_to_a_host_that_nobody_knows(sidecar):
    s = sidecar(settings={"egress": True})
    problem(s.get("http://nowhere.invalid/x", host="nowhere.invalid"), 404, "no_such_service")


def test_connect_is_refused_with_a_hint(sidecar):
    answer = sidecar().request("users:80", "CONNECT", host="users:80")
    assert problem(answer, 405, "method_not_allowed")["hint"]


@pytest.mark.parametrize("host", ["users.localhost", "users.localhost:%d", "users.csidecar", "users.LOCALHOST"])
def test_host_form_leaves_the_target_alone(upstream, sidecar, host):
    users = upstream()
    s = sidecar(users=users)
    assert s.get("/users/x?y=1", host=host % s.port if "%" in host else host).status == 200
    assert users.last.target == "/users/x?y=1"


def test_header_form_leaves_the_target_alone(upstream, sidecar):
    users = upstream()
    assert sidecar(users=users).get("/orders/x", "csidecar-service: users").status == 200
    assert users.last.target == "/orders/x"
    assert "csidecar-service" not in users.last


def test_dedicated_port_leaves_the_target_alone(upstream, sidecar):
    users, port = upstream(), free_port()
    sidecar(users={"instances": [users.address], "listen": ["127.0.0.1:%d" % port]})
    with Client(("127.0.0.1", port)) as client:
        assert client.request("/orders/x?y").response().status == 200
    assert users.last.target == "/orders/x?y"


def test_dapr_form(upstream, sidecar):
    users = upstream()
    s = sidecar(settings={"compat": ["dapr"]}, users=users)
    assert s.get("/v1.0/invoke/users/method/items/7?x=1").status == 200
    assert users.last.target == "/items/7?x=1"


def test_dapr_header(upstream, sidecar):
    users = upstream()
    s = sidecar(settings={"compat": ["dapr"]}, users=users)
    assert s.get("/items/7", "dapr-app-id: users").status == 200
    assert users.last.target == "/items/7"


@pytest.mark.parametrize(
    "query, target",
    [
        ("vip=users&path=/items/7", "/items/7"),
        ("path=%2Fitems%2F7%3Fx%3D1%26y%3D%2520&vip=users", "/items/7?x=1&y=%20"),
        ("vip=users", "/"),
        ("vip=users&path=items", "/items"),
        ("vip=users&path=/a%0d%0aX:%20y", "/a%0d%0aX:%20y"),
    ],
)
def test_prana_form(upstream, sidecar, query, target):
    users = upstream()
    s = sidecar(settings={"compat": ["prana"]}, users=users)
    assert s.get("/proxy?" + query).status == 200
    assert users.last.target == target


def test_drop_ins_are_off_unless_asked_for(sidecar, upstream):
    users = upstream()
    problem(sidecar(users=users).get("/v1.0/invoke/users/method/x"), 404, "no_such_service")
    assert not users.requests


def test_unix_socket(upstream, sidecar, tmp_path):
    users, path = upstream(), str(tmp_path / "s.sock")
    s = sidecar(settings={"proxy": {"listen": ["unix:" + path]}}, users=users, wait=False)
    eventually(lambda: (tmp_path / "s.sock").exists(), "the socket: " + s.log())
    with Client(path) as client:
        assert client.request("/users/x", host="anything.test").response().status == 200
    assert users.last.target == "/x"


def test_both_loopbacks(upstream, sidecar, has_ipv6):
    users, v4, v6 = upstream(), free_port(), free_port("::1")
    s = sidecar(settings={"proxy": {"listen": ["127.0.0.1:%d" % v4, "[::1]:%d" % v6]}}, users=users, wait=False)
    s.address = ("127.0.0.1", v4)
    eventually(s.is_listening, "the local endpoint")
    for address in (("127.0.0.1", v4), ("::1", v6)):
        with Client(address) as client:
            assert client.request("/users/x", host="localhost").response().status == 200


@pytest.mark.parametrize("name", ["a", "users.v2", "Users", "user_s", "user-s", "7", "x" * 100])
def test_service_names(upstream, sidecar, name):
    up = upstream()
    assert sidecar(**{name: up}).get("/%s/x" % name).status == 200


def test_unknown_service_is_a_problem_document(sidecar):
    document = problem(sidecar().get("/nosuch/x"), 404, "no_such_service")
    assert document["service"] == "nosuch"


def test_service_without_instances(sidecar):
    answer = sidecar(empty={"instances": []}).get("/empty/x")
    assert answer.status in (404, 503), answer
    assert answer["csidecar-error"] in ("no_such_service", "no_instance")


@pytest.mark.parametrize("target", ["/", "/?x", "//users/x", "/_csidecar/nosuch", "/_users/x"])
def test_targets_that_name_no_service(sidecar, upstream, target):
    users = upstream()
    assert sidecar(users=users).get(target).status == 404
    assert not users.requests


def test_names_keep_case_and_order_both_ways(upstream, sidecar):
    users = upstream(ok("hi", "x-ANSWER-b: 1", "X-aNSWER-A: 2", "x-ANSWER-b: 3"))
    answer = sidecar(users=users).get("/users/x", "x-MiXeD-b: 1", "X-mIxEd-A: 2", "x-MiXeD-b: 3")
    sent = [f for f in users.last.fields if f[0].lower().startswith("x-mixed")]
    assert sent == [("x-MiXeD-b", "1"), ("X-mIxEd-A", "2"), ("x-MiXeD-b", "3")]
    got = [f for f in answer.fields if f[0].lower().startswith("x-answer")]
    assert got == [("x-ANSWER-b", "1"), ("X-aNSWER-A", "2"), ("x-ANSWER-b", "3")]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_methods_pass(upstream, sidecar, method):
    users = upstream()
    assert sidecar(users=users).request("/users/x", method).status == 200
    assert users.last.method == method


def test_the_http_version_passed_on_is_our_own(upstream, sidecar):
    users = upstream()
    sidecar(users=users).get("/users/x", version="HTTP/1.0")
    assert users.last.line == "GET /x HTTP/1.1"
