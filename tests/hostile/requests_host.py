"""Host and the authority: missing, twice, malformed; absolute-form; and ways to reach what is no service."""

from .case import (
    ACCEPT, NORMALISE, REFUSE, SHOULD, Request, both, get, head, host_is_not, never, post, slug,
)  # fmt: skip

RULE = "RFC 9112 3.2: a missing, second or invalid Host is a 400"

BAD_HOSTS = (
    b"a b", b"a b.com", b"localhost, evil", b"localhost,evil", b"localhost\tevil", b"a/b", b"localhost/x", b"a@b",
    b"user:pass@localhost", b"localhost?x", b"localhost#x", b"a\\b", b"[::1", b"::1", b"::1]", b"[::1]x", b"[::1]]", b"[]",
    b"[localhost]", b"[fe80::1%eth0]", b"a:b", b"localhost:-1", b"localhost:+80", b"localhost:80:80", b"localhost:8o",
    b"localhost: 80", b"http://localhost", b"//localhost", b"%zz", b"%", b"local%host", b"<a>", b'a"b', b"{a}", b"a|b", b"a^b", b"a`b",
    b"local\x01host", b"local\x7fhost", b"\xe4\xbe\x8b", b"localhost\x0b", b":80",
)  # fmt: skip


def refuse(name, raw, rule=RULE, **more):
    return Request("host-" + name, raw, REFUSE, rule, **more)


def forbidden(name, raw, **more):
    """Addresses what is no service: nothing may be connected to."""
    return Request("target-" + name, raw, REFUSE, "docs/calling.md: only services are forwarded to", closes=False, **more)


CASES = (
    [refuse("invalid-" + slug(h), get(host=b"Host: " + h)) for h in BAD_HOSTS]
    + [
        refuse("missing", get(host=None)),
        refuse("missing-with-others", get(b"X-Host: localhost", b"X-Forwarded-Host: localhost", host=None)),
        refuse("missing-post", post(b"Content-Length: 5", body=b"hello", host=None)),
        refuse("missing-absolute-form", get(host=None, target=b"http://localhost/svc/x")),
        refuse("twice-equal", get(b"Host: localhost")),
        refuse("twice-differ", get(b"Host: other.test")),
        refuse("twice-first-foreign", get(b"Host: localhost", host=b"Host: other.test")),
        refuse("twice-any-case", get(b"hOST: localhost")),
        refuse("twice-one-empty", get(b"Host:")),
        refuse("twice-far-apart", get(*(b"X-%d: 1" % i for i in range(20)), b"Host: localhost")),
        refuse("three", get(b"Host: localhost", b"Host: localhost")),
        refuse("second-with-space", get(b" Host: other.test")),
        refuse("second-with-space-before-colon", get(b"Host : other.test")),
        refuse("in-1.0-twice", get(b"Host: localhost", version=b"HTTP/1.0")),
        refuse("in-1.0-invalid", get(host=b"Host: a b", version=b"HTTP/1.0")),
        refuse("twice-absolute-form", get(b"Host: other.test", target=b"http://localhost/svc/x")),
        refuse("invalid-absolute-form", get(host=b"Host: a b", target=b"http://localhost/svc/x")),
        refuse("with-svc-by-path", get(host=b"Host: svc/x@y"), status=(400,)),
        Request("host-empty", get(host=b"Host:"), NORMALISE, "RFC 9110 4.2.1: http has no empty host"),
        Request("host-port-too-large", get(host=b"Host: localhost:99999"), NORMALISE, "RFC 9110 4.2.1: a TCP port"),
        Request("host-empty-port", get(host=b"Host: localhost:"), NORMALISE, "RFC 3986 3.2.3: a port may be empty"),
        Request("host-1.0-missing", get(host=None, version=b"HTTP/1.0"), NORMALISE, "RFC 9112 3.2: only 1.1 has to have it"),
        Request(
            "host-absolute-form-wins", get(host=b"Host: other.test", target=b"http://svc/x"), NORMALISE,
            "RFC 9112 3.2.2: the URI's authority replaces Host", check=host_is_not(b"other.test"),
        ),
        Request(
            "host-absolute-form-wins-loopback", get(host=b"Host: other.test", target=b"http://localhost/svc/x"), NORMALISE,
            "RFC 9112 3.2.2: the URI's authority replaces Host", check=host_is_not(b"other.test"),
        ),
        Request(
            "host-absolute-form-foreign", get(target=b"http://other.test/svc/x"), NORMALISE,
            "RFC 9112 3.2.2: the URI's authority counts, not Host", check=host_is_not(b"localhost"),
        ),
        Request("host-absolute-form-upper-scheme", get(host=b"Host: svc", target=b"HTTP://svc/x"), NORMALISE, "RFC 3986 3.1: schemes have no case"),
        refuse("absolute-form-userinfo", get(target=b"http://user@localhost/svc/x"), "RFC 9110 4.2.4: no userinfo", level=SHOULD, closes=False),
        refuse("absolute-form-no-host", get(target=b"http:///svc/x"), "RFC 9110 4.2.1: an empty host is invalid", closes=False),
        refuse("absolute-form-empty", get(target=b"http://"), "RFC 9110 4.2.1: an empty host is invalid", closes=False),
        refuse("absolute-form-port-only", get(target=b"http://:80/svc/x"), "RFC 9110 4.2.1: an empty host is invalid", closes=False),
        refuse("absolute-form-open-bracket", get(target=b"http://[::1/svc/x"), "RFC 3986 3.2.2", closes=False),
        refuse("absolute-form-bad-port", get(target=b"http://localhost:x/svc/x"), "RFC 3986 3.2.3", closes=False),
        refuse("absolute-form-space", get(target=b"http://local host/svc/x"), "RFC 9112 3.2: no space in a target", closes=False),
        refuse("absolute-form-fragment", get(target=b"http://localhost/svc/x#y"), "RFC 9112 3.2.2: no fragment", level=SHOULD, closes=False),
        forbidden("https", get(target=b"https://127.0.0.1:DECOY/x")),
        forbidden("ftp", get(target=b"ftp://127.0.0.1:DECOY/x")),
        forbidden("file", get(target=b"file:///etc/passwd")),
        forbidden("scheme-only", get(target=b"http:svc/x")),
        forbidden("absolute-form-decoy", get(target=b"http://127.0.0.1:DECOY/x")),
        forbidden("absolute-form-decoy-name", get(target=b"http://localhost:DECOY/", host=b"Host: localhost:DECOY")),
        forbidden("absolute-form-decoy-v6", get(target=b"http://[::1]:DECOY/x")),
        forbidden("absolute-form-decoy-hex", get(target=b"http://0x7f000001:DECOY/x")),
        forbidden("absolute-form-decoy-userinfo", get(target=b"http://svc@127.0.0.1:DECOY/x")),
        forbidden("host-decoy", get(host=b"Host: 127.0.0.1:DECOY", target=b"/")),
        forbidden("double-slash-decoy", get(target=b"//127.0.0.1:DECOY/x")),
        forbidden("at-decoy", get(target=b"@127.0.0.1:DECOY/x")),
        forbidden("slash-at-decoy", get(target=b"/@127.0.0.1:DECOY/x")),
        forbidden("colon-decoy", get(target=b"/:DECOY/x")),
        forbidden("segment-decoy", get(target=b"/127.0.0.1:DECOY/x")),
        forbidden("segment-url", get(target=b"/http://127.0.0.1:DECOY/x")),
        forbidden("service-with-port", get(target=b"/svc:DECOY/x")),
        forbidden("service-with-userinfo", get(target=b"/svc@127.0.0.1:DECOY/x")),
        forbidden("connect-decoy", head(b"CONNECT 127.0.0.1:DECOY HTTP/1.1", b"Host: 127.0.0.1:DECOY")),
        forbidden("connect-service", head(b"CONNECT svc:80 HTTP/1.1", b"Host: svc:80")),
        forbidden("connect-then-bytes", head(b"CONNECT svc:80 HTTP/1.1", b"Host: svc:80") + b"\x16\x03\x01RAW"),
        forbidden("connect-path", get(method=b"CONNECT")),
        forbidden("connect-absolute", get(method=b"CONNECT", target=b"http://svc/x")),
        forbidden("connect-no-port", head(b"CONNECT svc HTTP/1.1", b"Host: svc")),
        forbidden("connect-with-length", head(b"CONNECT svc:80 HTTP/1.1", b"Host: svc:80", b"Content-Length: 5") + b"hello"),
        Request(
            "target-x-forwarded-host-decoy", get(b"X-Forwarded-Host: 127.0.0.1:DECOY", b"Forwarded: host=127.0.0.1:DECOY"), ACCEPT,
            "docs/calling.md: routing is by service alone",
        ),
        Request("host-loopback-v4", get(host=b"Host: 127.0.0.1"), ACCEPT, RULE),
        Request("host-loopback-v6", get(host=b"Host: [::1]"), ACCEPT, RULE),
        Request("host-loopback-v6-port", get(host=b"Host: [::1]:8081"), ACCEPT, RULE),
        Request("host-with-port", get(host=b"Host: localhost:8081"), ACCEPT, RULE),
        Request("host-upper-case", get(host=b"HOST: LOCALHOST"), ACCEPT, "RFC 9110 4.2.3: hosts have no case"),
        Request("host-spaces-around", get(host=b"Host:   localhost  "), ACCEPT, "RFC 9112 5.1: OWS"),
        Request("host-not-first", head(b"GET /svc/x HTTP/1.1", b"X-A: 1", b"Host: localhost"), ACCEPT, "RFC 9110 7.2", SHOULD, both(never(b"/svc/"))),
    ]
)  # fmt: skip
