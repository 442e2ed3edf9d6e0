"""Fields that only a proxy should have written, and floods of what comes in small pieces: extensions, chunks, trailers."""

from .case import ACCEPT, NORMALISE, REFUSE, Request, body_is, chunked, each, get, value_is, without

LAST_HOP = "docs/calling.md: the last address of X-Forwarded-For is the client's own"
OURS = "docs/calling.md: csidecar's own fields end here"
FLOOD = "docs/security.md: what comes in pieces is bounded as a whole"
OWN = (b"csidecar-timeout: 3s", b"csidecar-retries: 0", b"csidecar-hash: a", b"csidecar-token: secret", b"Csidecar-Token: secret")


def peer_last(*before):
    return value_is(b"x-forwarded-for", b", ".join(before + (b"127.0.0.1",)))


def once(name, *bad):
    return each(lambda r: len(r.values(name)) == 1 and r.values(name)[0] not in bad, "%s is not ours" % name.decode())


def forged(name, *fields, check, rule=LAST_HOP):
    return Request("forged-" + name, get(*fields), ACCEPT, rule, check=check)


def flood(name, body, expect=REFUSE, check=None):
    return Request("flood-" + name, chunked(body=body), expect, FLOOD, check=check, in_body=True)


CASES = [
    forged("for", b"X-Forwarded-For: 6.6.6.6", check=peer_last(b"6.6.6.6")),
    forged("for-list", b"X-Forwarded-For: 6.6.6.6, 127.0.0.1", check=peer_last(b"6.6.6.6", b"127.0.0.1")),
    forged("for-twice", b"X-Forwarded-For: 6.6.6.6", b"x-forwarded-for: 7.7.7.7", check=peer_last(b"6.6.6.6", b"7.7.7.7")),
    forged("for-junk", b"X-Forwarded-For: ((, ,, \"a\"", check=peer_last(b"((, ,, \"a\"")),
    forged("for-in-connection", b"Connection: X-Forwarded-For", b"X-Forwarded-For: 6.6.6.6", check=each(lambda r: r.values(b"x-forwarded-for")[0].endswith(b"127.0.0.1"), "the client's address is gone")),
    forged("prefix", b"X-Forwarded-Prefix: /evil", check=once(b"x-forwarded-prefix", b"/evil")),
    forged("prefix-twice", b"X-Forwarded-Prefix: /evil", b"X-Forwarded-Prefix: /worse", check=once(b"x-forwarded-prefix", b"/evil", b"/worse")),
    forged("via-in-connection", b"Connection: Via", b"Via: 1.1 other", check=once(b"via", b"1.1 other")),
    forged("framing-in-connection", b"Connection: Transfer-Encoding, Content-Length, Host, Trailer", check=once(b"host")),
    *(forged("own-%d" % i, f, rule=OURS, check=without(f.split(b":")[0])) for i, f in enumerate(OWN)),
    Request("forged-own-service", get(b"csidecar-service: svc", target=b"/x"), ACCEPT, OURS, check=without(b"csidecar-service")),
    Request("forged-own-service-twice", get(b"csidecar-service: svc", b"csidecar-service: xxx", target=b"/x"), NORMALISE, OURS, check=without(b"csidecar-service")),
    flood("extension-1m", b"5;a=" + b"b" * 1000000 + b"\r\nhello\r\n0\r\n\r\n"),
    flood("extension-of-pairs", b"5" + b";a=b" * 2000 + b"\r\nhello\r\n0\r\n\r\n"),
    flood("extensions-small", b"1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\na\r\n" * 2000 + b"0\r\n\r\n"),
    flood("extension-on-the-last", b"5\r\nhello\r\n0;" + b"a" * 100000 + b"\r\n\r\n"),
    flood("size-of-zeros", b"0" * 100000 + b"5\r\nhello\r\n0\r\n\r\n"),
    flood("trailers-200", b"5\r\nhello\r\n0\r\n" + b"".join(b"X-%d: 1\r\n" % i for i in range(200)) + b"\r\n"),
    flood("trailer-100k", b"5\r\nhello\r\n0\r\nX-A: " + b"v" * 100000 + b"\r\n\r\n"),
    flood("trailers-endless", b"5\r\nhello\r\n0\r\n" + b"X-A: 1234567890\r\n" * 100000),
    flood("chunks-of-one-byte", b"1\r\na\r\n" * 20000 + b"0\r\n\r\n", ACCEPT, body_is(b"a" * 20000)),
    flood("chunks-with-few-extensions", b"1;a\r\na\r\n" * 100 + b"0\r\n\r\n", NORMALISE, body_is(b"a" * 100)),
]  # fmt: skip
