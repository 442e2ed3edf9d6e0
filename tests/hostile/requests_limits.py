"""Too much of everything: lines, heads, fields. Limits as in docs/security.md: target 32 KiB, head 64 KiB, 100 fields."""

from .case import ACCEPT, NORMALISE, REFUSE, SHOULD, Request, get, value_is

LARGE = "RFC 6585 5: a head past the limit is a 431"
LONG = "RFC 9112 3: a target past the limit is a 414"


def large(name, *fields, status=(431,), rule=LARGE, **more):
    return Request("limit-" + name, get(*fields, **more), REFUSE, rule, SHOULD, status=status)


CASES = [
    large("target-33k", target=b"/svc/" + b"t" * 33 * 1024, status=(414,), rule=LONG),
    large("target-64k", target=b"/svc/" + b"t" * 65536, status=(414,), rule=LONG),
    large("target-1m", target=b"/svc/" + b"t" * 1000000, status=(414,), rule=LONG),
    large("query-64k", target=b"/svc/x?" + b"q" * 65536, status=(414,), rule=LONG),
    large("absolute-form-64k", target=b"http://localhost/svc/" + b"t" * 65536, status=(414,), rule=LONG),
    large("service-64k", target=b"/" + b"s" * 65536 + b"/x", status=(414,), rule=LONG),
    large("method-64k", method=b"M" * 65536, status=(400, 405, 414, 431, 501)),
    large("version-64k", version=b"HTTP/1.1" + b"1" * 65536, status=(400, 414, 431, 505)),
    large("value-64k", b"X-A: " + b"v" * 65536),
    large("value-1m", b"X-A: " + b"v" * 1000000),
    large("name-64k", b"X" * 65536 + b": 1"),
    large("name-1m", b"X" * 1000000 + b": 1"),
    large("host-64k", host=b"Host: " + b"h" * 65536, status=(400, 431)),
    large("cookie-70k", b"Cookie: " + b"c" * 70000),
    large("head-of-1k-fields", *(b"X-%d: %s" % (i, b"v" * 1000) for i in range(80))),
    large("fields-101-and-host", *(b"X-%d: 1" % i for i in range(101))),
    large("fields-150", *(b"X-%d: 1" % i for i in range(150))),
    large("fields-10000", *(b"X-%d: 1" % i for i in range(10000))),
    large("fields-10000-equal", *[b"X: 1"] * 10000),
    large("fields-10000-empty", *[b"X:"] * 10000),
    large("fields-of-spaces-1m", b"X-A:" + b" " * 1000000 + b"1"),
    Request("limit-endless-head", b"GET /svc/x HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: 1234567890\r\n" * 100000, REFUSE, LARGE, SHOULD, status=(431,)),
    Request("limit-endless-line", b"GET /svc/" + b"t" * 2000000, REFUSE, LONG, SHOULD, status=(414,)),
    Request("limit-endless-name", b"GET /svc/x HTTP/1.1\r\nHost: localhost\r\n" + b"X" * 2000000, REFUSE, LARGE, SHOULD, status=(431,)),
    Request("limit-endless-method", b"M" * 2000000, REFUSE, "RFC 9112 3", SHOULD, status=(400, 405, 414, 431, 501)),
    Request("limit-endless-crlf", b"\r\n" * 1000000, REFUSE, "RFC 9112 2.2: a few empty lines", SHOULD),
    Request("limit-endless-nul", bytes(1000000), REFUSE, "not HTTP"),
    Request("limit-head-8k", get(*(b"X-%d: %s" % (i, b"v" * 1000) for i in range(7))), ACCEPT, "RFC 9110 5.4", check=value_is(b"x-6", b"v" * 1000)),
    Request("limit-fields-90", get(*(b"X-%d: 1" % i for i in range(90))), ACCEPT, "docs/security.md: 100 fields", check=value_is(b"x-89", b"1")),
    Request("limit-target-8000", get(target=b"/svc/" + b"t" * 8000), ACCEPT, "RFC 9112 3: 8000 octets at least", SHOULD),
    Request("limit-target-30k", get(target=b"/svc/" + b"t" * 30000), NORMALISE, "docs/security.md: 32 KiB", SHOULD),
    Request("limit-value-40k", get(b"X-A: " + b"v" * 40000), NORMALISE, "docs/security.md: 64 KiB", SHOULD, value_is(b"x-a", b"v" * 40000)),
]  # fmt: skip
