"""The parts of a request, and what can be wrong with each: twists, by the section of RFC 9112 (or the published family) they belong to.

A twist takes the dice and a request in parts, and changes it. One `svc` stands for the service of the case.
"""

from dataclasses import dataclass, field

CRLF = b"\r\n"
HELLO = b"hello"
SMUGGLED = b"GET /svc/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Smuggled: 1\r\n\r\n"


@dataclass
class Chunk:
    data: bytes
    size: bytes = None  # as written; None: the right one
    rest: bytes = b""  # behind the size, in its line
    line_end: bytes = CRLF
    data_end: bytes = CRLF

    def write(self):
        size = b"%x" % len(self.data) if self.size is None else self.size
        return size + self.rest + self.line_end + self.data + (self.data_end if self.data else b"")


@dataclass
class Draft:
    """A request in parts. Fields are [name, separator, value, line end]."""

    method: bytes = b"GET"
    target: bytes = b"/svc/x"
    version: bytes = b"HTTP/1.1"
    before: bytes = b""
    spaces: list = field(default_factory=lambda: [b" ", b" "])
    line_end: bytes = CRLF
    fields: list = field(default_factory=list)
    head_end: bytes = CRLF
    body: bytes = b""
    chunks: list = None
    trailers: list = field(default_factory=list)
    end: bytes = CRLF  # of a chunked body

    def add(self, name, value, at=None, separator=b": ", end=CRLF):
        self.fields.insert(len(self.fields) if at is None else at, [name, separator, value, end])

    def named(self, name):
        return [f for f in self.fields if f[0].lower() == name.lower()]

    def write(self):
        out = self.before + self.method + self.spaces[0] + self.target + self.spaces[1] + self.version + self.line_end
        out += b"".join(b"".join(f) for f in self.fields) + self.head_end
        if self.chunks is None:
            return out + self.body
        return out + b"".join(c.write() for c in self.chunks) + b"".join(b"".join(t) for t in self.trailers) + self.end


PATHS = (
    b"/svc/x", b"/svc/", b"/svc", b"/svc?q", b"/svc/a/b?c=d", b"/svc//x", b"/svc/../x", b"/svc/%2e%2e/", b"/svc/x?a=%00", b"/svc/%0d%0aX:%20y",
    b"/svc/x;p=1", b"/svc/~a!$&'()*+,;=:@", b"/svc/x?http://b/", b"/svc/a%20b", b"/svc/" + b"t" * 300,
)  # fmt: skip
PLAIN_FIELDS = (
    (b"X-A", b"1"), (b"Accept", b"*/*"), (b"User-Agent", b"differential/1 (x; y)"), (b"Cookie", b"a=b; c=d"), (b"X-Empty", b""),
    (b"Authorization", b"Basic YTpi"), (b"Content-Type", b"text/plain"), (b"X-Long", b"v" * 300), (b"x-lower", b"a, b,,c"), (b"X-Tab", b"a\tb"),
    (b"Accept-Language", b"de"), (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), (b"If-None-Match", b'"x"'),
)  # fmt: skip


def with_length(d, body=HELLO):
    d.body, d.chunks = body, None
    d.add(b"Content-Length", b"%d" % len(body))


def with_chunks(d, *parts):
    d.chunks = [Chunk(p) for p in parts or (HELLO,)] + [Chunk(b"")]
    d.add(b"Transfer-Encoding", b"chunked")


def plain(rng):
    """A good request: the ground that twists stand on."""
    d = Draft(method=rng.choice((b"GET", b"GET", b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PURGE", b"SEARCH")))
    d.target = rng.choice(PATHS)
    d.add(b"Host", rng.choice((b"localhost", b"127.0.0.1", b"[::1]", b"localhost:80")))
    for name, value in rng.sample(PLAIN_FIELDS, rng.choice((0, 1, 1, 2, 4))):
        d.add(name, value)
    if d.method in (b"POST", b"PUT", b"PATCH", b"DELETE") or rng.random() < 0.1:
        body = rng.choice((HELLO, b"", b"a", SMUGGLED, b"0\r\n\r\n", b"x" * 2000))
        if rng.random() < 0.5:
            with_length(d, body)
        else:
            cut = rng.randrange(len(body) + 1)
            with_chunks(d, *[p for p in (body[:cut], body[cut:]) if p])
    return d


def body_for(rng, d):
    """A twist of a body needs one."""
    if d.chunks is None and not d.named(b"content-length"):
        d.method = b"POST"
        (with_chunks if rng.random() < 0.5 else with_length)(d)


def chunks_for(rng, d):
    if d.chunks is None:
        d.fields = [f for f in d.fields if f[0].lower() != b"content-length"]
        d.method = b"POST"
        with_chunks(d, HELLO, rng.choice((b"a", b"world", SMUGGLED)))


def length_for(rng, d):
    if not d.named(b"content-length"):
        d.fields = [f for f in d.fields if f[0].lower() != b"transfer-encoding"]
        d.method = b"POST"
        with_length(d, rng.choice((HELLO, SMUGGLED)))
    return d.named(b"content-length")[0]
