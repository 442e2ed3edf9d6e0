"""What one case of the corpus is, and short ways to write its bytes.

Three names stand in for what is known only when the corpus runs; each is as long as what replaces it,
so that no length in a case changes:

  svc    the service of the case (three characters); its one instance is a recording upstream
  DECOY  the port (five digits) of a listener nothing may ever connect to
  VIA    what this proxy calls itself in `Via` (learnt by asking; of any length)
"""

from dataclasses import dataclass, field
from typing import Callable, Optional

CRLF = b"\r\n"

REFUSE = "refuse"  # a 4xx and the connection closed; nothing whole reaches the upstream
NORMALISE = "normalise"  # refused, or what the other side saw is the safe form
ACCEPT = "accept"  # must pass, unchanged in meaning
MUST, SHOULD = "MUST", "SHOULD"


@dataclass(frozen=True)
class Request:
    """Raw bytes from a client. The upstream answers every whole request with 200 and an echo."""

    name: str
    send: bytes
    expect: str
    rule: str
    level: str = MUST
    check: Optional[Callable] = None  # of a Seen: what is wrong, or None
    status: tuple = ()  # the refusals that count; empty: any of 4xx, 501, 505
    closes: bool = True  # a refusal closes the connection
    reaches: int = 0  # whole requests that rightly pass before the refused one
    in_body: bool = False  # found late: a head may have gone out, a whole message never
    answers: int = 1  # final answers awaited from an accepting proxy
    half_close: bool = False  # the client ends its side after sending
    upstream: tuple = ()  # what the upstream does instead of its echo; see upstream.py


@dataclass(frozen=True)
class Response:
    """Raw bytes from an upstream, given to a request for /first; /second is always answered well."""

    name: str
    answer: tuple  # steps: bytes, a number of seconds, "close" or "reset"
    expect: str
    rule: str
    level: str = MUST
    check: Optional[Callable] = None
    method: bytes = b"GET"
    fields: tuple = ()  # further request fields
    body: bytes = b""
    reuse: bool = False  # the upstream connection may serve again


@dataclass(frozen=True)
class Slow:
    """A peer that never quite stops: `drip` is sent every `every` seconds after `start`, for ever."""

    name: str
    start: bytes
    drip: bytes
    rule: str
    every: float = 0.2
    side: str = "client"  # or "upstream": then start and drip are its answer
    reads: bool = True  # the client takes what it is sent; if not, the upstream must be let go
    upstream: tuple = ()


@dataclass
class Message:
    """One HTTP message as a strict reader understood it."""

    line: bytes
    fields: list
    body: bytes = b""
    trailers: list = field(default_factory=list)
    whole: bool = True
    head: bytes = b""
    connection: int = 0

    @property
    def status(self):
        word = self.line.split(b" ")[1:2]
        return int(word[0]) if word and word[0].isdigit() else 0

    @property
    def method(self):
        return self.line.split(b" ")[0]

    @property
    def target(self):
        return self.line.split(b" ")[1] if self.line.count(b" ") >= 2 else b""

    def values(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]


@dataclass
class Seen:
    """What came of a case, on both sides of the proxy."""

    answers: list = field(default_factory=list)  # final responses the client read
    interim: list = field(default_factory=list)  # 1xx heads before them
    stray: bytes = b""  # bytes the client read that are no HTTP
    closed: bool = False  # the proxy closed the client's connection
    requests: list = field(default_factory=list)  # whole requests at the upstream
    raw: list = field(default_factory=list)  # every byte of each upstream connection
    faults: list = field(default_factory=list)  # what a strict reader found wrong upstream
    second: Optional["Seen"] = None  # of a Response: the request after it
    decoy: int = 0  # connections the decoy had

    @property
    def refused(self):
        a = self.answers[-1:]
        return bool(a) and (400 <= a[0].status < 500 or a[0].status in (501, 505))


def head(line, *fields):
    return CRLF.join((line,) + fields) + CRLF + CRLF


def get(*fields, target=b"/svc/x", host=b"Host: localhost", version=b"HTTP/1.1", method=b"GET"):
    """A request without a body; `host=None` leaves Host out."""
    first = (host,) if host is not None else ()
    return head(method + b" " + target + b" " + version, *first, *fields)


def post(*fields, body=b"", **more):
    return get(*fields, method=b"POST", **more) + body


def chunked(*fields, body=b"5\r\nhello\r\n0\r\n\r\n", **more):
    return post(b"Transfer-Encoding: chunked", *fields, body=body, **more)


def slug(value):
    """A readable name for raw bytes: printable ones stay, the rest become hex."""
    text = "".join(chr(c) if 33 <= c < 127 and chr(c) not in "/\\[]:" else "_%02x" % c for c in value[:24])
    return text + ("-%d" % len(value) if len(value) > 24 else "") or "empty"


# Checks: each answers what is wrong, or None. They speak of the requests the upstream saw.


def both(*checks):
    def check(seen):
        return next((wrong for wrong in (c(seen) for c in checks) if wrong), None)

    return check


def each(test, wrong):
    def check(seen):
        bad = [r for r in seen.requests if not test(r)]
        return wrong + ": %r" % bad[0].head[:300] if bad else None

    return check


def body_is(*bodies):
    return each(lambda r: r.body in bodies, "the upstream read another body")


def target_is(*targets):
    return each(lambda r: r.target in targets, "the upstream saw another target")


def method_is(method):
    return each(lambda r: r.method == method, "the upstream saw another method")


def without(name):
    return each(lambda r: not r.values(name), "%s reached the upstream" % name.decode())


def value_is(name, *values):
    return each(lambda r: r.values(name) == list(values), "%s changed" % name.decode())


def host_is_not(*hosts):
    return each(lambda r: not set(r.values(b"host")) & set(hosts), "a Host that must not count reached the upstream")


def no_trailer(name):
    def fine(r):
        return not any(n.lower() == name.lower() for n, _ in r.trailers)

    return both(each(fine, "trailer %s reached the upstream" % name.decode()))


def at_most(count):
    def check(seen):
        if len(seen.requests) > count:
            return "%d requests reached the upstream" % len(seen.requests)

    return check


def never(text):
    """These bytes reach no upstream, anywhere."""

    def check(seen):
        return "%r reached the upstream" % text if any(text in raw for raw in seen.raw) else None

    return check


def not_forwarded(seen):
    return "it reached the upstream" if seen.requests else None


def no_interim(seen):
    return "the client was sent a 1xx it does not know" if seen.interim else None
