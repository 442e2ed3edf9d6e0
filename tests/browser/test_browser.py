"""A web page of somebody else's, in the user's own browser, cannot drive csidecar or read from it."""

import pytest

from chromium import answers, wait_for

# What an unprotected server must expect: nothing stops these, they need no permission.
UNASKED = {("GET", name) for name in (
    "fetch-get", "fetch-get-no-cors", "fetch-with-cookies", "xhr-get", "image", "script", "style",
    "frame", "websocket", "event-source")} | {("POST", name) for name in (
    "fetch-post-text", "fetch-post-no-cors", "beacon", "form-post")}
PREFLIGHTED = {("POST", "fetch-post-json"), ("PUT", "fetch-put"), ("DELETE", "fetch-delete"),
               ("GET", "fetch-service-header")}

# Where the page is and what it calls the loopback: another site, another port of the same site,
# and a name of the attacker's own that resolves to the loopback (DNS rebinding).
ORIGINS = {
    "another site": ("localhost", "127.0.0.1"),
    "the same site": ("127.0.0.1", "127.0.0.1"),
    "the same name": ("localhost", "localhost"),
    "the attacker's name": ("evil.test", "evil.test"),
    "the attacker's page": ("evil.test", "127.0.0.1"),
}


def what_was_read(report):
    return {name: result["read"] for name, result in report.items() if result["read"]}


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_control_the_page_reaches_and_reads_a_plain_server(browser, page, app, origin):
    host, target = ORIGINS[origin]
    report = browser.attack(page, host, f"http://{target}:{app.port}")
    assert UNASKED | PREFLIGHTED <= app.arrived
    assert {"fetch-get", "fetch-put", "xhr-get", "websocket", "event-source"} <= set(
        what_was_read(report))


@pytest.mark.parametrize("origin", ORIGINS)
def test_nothing_reaches_the_app_and_nothing_is_read(browser, page, app, sidecar, origin):
    host, target = ORIGINS[origin]
    report = browser.attack(page, host, f"http://{target}:{sidecar.port}/app")
    assert app.arrived == set()
    assert what_was_read(report) == {}


@pytest.mark.parametrize("path", ["", "/_csidecar"])
def test_the_own_api_cannot_be_driven(browser, page, sidecar, path):
    report = browser.attack(page, "localhost", f"http://127.0.0.1:{sidecar.port}{path}")
    assert what_was_read(report) == {}


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_admin_port_cannot_be_driven(browser, page, sidecar, origin):
    host, target = ORIGINS[origin]
    for path in ("/drain?", "/reload?", "/config?"):  # the attack's own name goes to the query
        report = browser.attack(page, host, f"http://{target}:{sidecar.admin}{path}")
        assert what_was_read(report) == {}
    assert sidecar.poll() is None and answers(f"http://127.0.0.1:{sidecar.port}/app/hello")


def test_who_types_the_address_is_served(browser, app, sidecar):
    browser.open(f"http://127.0.0.1:{sidecar.port}/app/typed")
    wait_for(lambda: ("GET", "typed") in app.arrived)


@pytest.mark.parametrize("sidecar", [', allowed_origins: ["http://localhost:{page}"]'], indirect=True)
def test_an_origin_that_is_allowed_may_call_and_read(browser, page, app, sidecar):
    report = browser.attack(page, "localhost", f"http://127.0.0.1:{sidecar.port}/app")
    assert {("GET", "fetch-get"), ("PUT", "fetch-put")} <= app.arrived
    assert what_was_read(report)["fetch-get"] == "200 secret"
