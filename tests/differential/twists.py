"""What can be wrong with a request. TWISTS: {family: [twist, ...]}; a twist is twist(rng, draft)."""

from .grammar import CRLF, HELLO, SMUGGLED, body_for, chunks_for, length_for, with_chunks, with_length

TWISTS = {}

CONTROL = (b"\x00", b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1b", b"\x7f", b"\x85", b"\xa0", b"\xff", b"\r", b"\n")
LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r\n", b"", b" \r\n", b"\t\r\n", b"\r\n ", b"\x00\r\n", b"\x0b\r\n")


def twist(family):
    def keep(function):
        TWISTS.setdefault(family, []).append(function)
        return function

    return keep


def insert(rng, text, what):
    at = rng.randrange(len(text) + 1)
    return text[:at] + what + text[at:]


# ---- RFC 9112 2: message format ----


@twist("2-line-ends")
def line_end(rng, d):
    end = rng.choice(LINE_ENDS)
    where = rng.randrange(4)
    if where == 0:
        d.line_end = end
    elif where == 1 or not d.fields:
        d.head_end = end
    else:
        rng.choice(d.fields)[3] = end


@twist("2-line-ends")
def all_line_ends(rng, d):
    end = rng.choice((b"\n", b"\r", b"\n\r"))
    d.line_end = d.head_end = end
    for f in d.fields:
        f[3] = end


@twist("2-before")
def before(rng, d):
    d.before = rng.choice((b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t\r\n", b"\x00", b"\xef\xbb\xbf", b"\r\n \r\n", b"0\r\n\r\n", b"GET\r\n"))


@twist("2-white-space")
def space_before_fields(rng, d):
    d.line_end += rng.choice((b" ", b"\t", b" \r\n", b" X-Pre: 1\r\n", b"\tTransfer-Encoding: chunked\r\n"))


# ---- 3: the request line ----


@twist("3-method")
def method(rng, d):
    d.method = rng.choice(
        (b"get", b"Get", b"XYZ", b"G ET", b"G\x00ET", b"GET\t", b"", b"CONNECT", b"TRACE", b"PRI", b"SOURCE", b"QUERY", b"GET\xff", b"\"GET\"", b"M-SEARCH", b"HEAD", b"GET,POST", b"G" * 300)
    )  # fmt: skip


@twist("3-spaces")
def spaces(rng, d):
    d.spaces[rng.randrange(2)] = rng.choice((b"  ", b"\t", b" \t", b"", b"\x0b", b"\x0c", b"\xa0", b"\r", b"\n", b" \r\n", b"\x00"))


@twist("3-version")
def version(rng, d):
    d.version = rng.choice(
        (b"HTTP/1.0", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1,1", b"http/1.1", b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTP /1.1", b"HTTP/1. 1", b"HTTP/11",
         b"HTTP/1", b"HTTP/", b"", b"XTTP/1.1", b"RTSP/1.0", b"ICE/1.0", b"HTTP/1.1\x00", b"HTTP/3.1", b"HTTP/1.1X", b"HTTP/-1.1", b"HTTP/1.1 HTTP/1.1")
    )  # fmt: skip


@twist("3-target")
def target(rng, d):
    d.target = rng.choice(
        (b"*", b"", b"svc/x", b"?x", b"/", b"//svc/x", b"/svc/\xc3\xa4", b"/svc/#f", b"/svc/x#f", b"/svc/\\..\\", b"/svc/a b", b"/svc/a\tb", b"/svc/<>\"{}|^`", b"/svc/%", b"/svc/%zz", b"/svc/\x7f",
         b"/svc%2fx", b"/%73vc/x", b"/SVC/x", b"/svc;a/x", b"/svc\x00/x", b"/svc/x HTTP/1.1\r\nX-In: 1", b"localhost:80", b"/svc/x\r", b"/svc/" + b"t" * 40000, b"/_csidecar/health", b"/./svc/x", b"/svc/*", b"@localhost/svc/x")
    )  # fmt: skip


@twist("3-absolute-form")
def absolute_form(rng, d):
    scheme = rng.choice((b"http://", b"http://", b"http://", b"HTTP://", b"https://", b"ftp://", b"http:/", b"http:", b"file://", b"http:///", b"//", b"h2c://", b"ws://"))
    authority = rng.choice(
        (b"svc", b"svc", b"svc:80", b"svc.localhost", b"svc.csidecar", b"SVC.localhost", b"svc.localhost:99", b"svc:", b"svc:x", b"user@svc", b"user:p@svc", b"svc:80@evil", b"svc.localhost:1@evil", b"localhost", b"127.0.0.1",
         b"localhost:8081", b"[::1]", b"[::1", b"", b"sv c", b"svc\\evil", b"svc#", b"svc?x", b"svc,b", b"svc\xff", b"%73vc", b"evil.example", b"svc.localhost.", b"a@svc.localhost")
    )  # fmt: skip
    d.target = scheme + authority + rng.choice((b"/x", b"", b"/", b"?q", b"/svc/x", b"//x", b"/x#f", b"/\xff"))
    if rng.random() < 0.5:
        for f in d.named(b"host"):
            f[2] = rng.choice((b"evil.example", b"localhost", b"svc", b"", b"a b", b"evil:0"))


@twist("3-host")
def host(rng, d):
    d.fields = [f for f in d.fields if f[0].lower() != b"host"]
    values = (
        b"svc.localhost", b"svc.csidecar", b"svc.localhost:80", b"", b" ", b"localhost, localhost", b"local host", b"localhost/x", b"u@localhost", b"localhost:", b"localhost:x", b"localhost:99999", b"localhost:-1",
        b"[::1]", b"[::1", b"[::1]x", b"::1", b"local\x00host", b"local\xffhost", b"localhost\t", b"localhost#", b"localhost?x", b"%6cocalhost", b"127.0.0.1:80:80", b"127.1", b"evil.example", b"localhost.", b"LOCALHOST", b"svc..localhost", b"a_b.localhost",
    )  # fmt: skip
    for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 3))):
        d.add(rng.choice((b"Host", b"Host", b"Host", b"HOST", b"host", b"Host ", b"\tHost", b"Host\x00", b"H\xc3\xb6st")), rng.choice(values), at=rng.randrange(len(d.fields) + 1))


@twist("3-host")
def host_again(rng, d):
    for f in d.named(b"host")[:1]:
        d.add(b"Host", rng.choice((f[2], f[2].upper(), b"evil.example")), at=rng.choice((0, None)))


# ---- 5: fields ----


@twist("5-names")
def name(rng, d):
    bad = rng.choice((b"", b" ", b"X A", b"X\tA", b"X-A ", b" X-A", b"X(A)", b"X\x00A", b"X\x80A", b"X-A\x0b", b'"X"', b"X,A", b"X/A", b"X@A", b"X;A", b"X_A", b"X.A", b"X!#$%&'*+-.^_`|~9", b"X\rA", b"X\nA", b":X", b"X\x7fA", b"{X}", b"X" * 500))
    d.add(bad, b"1", at=rng.randrange(len(d.fields) + 1), separator=rng.choice((b": ", b": ", b":", b" : ", b"\t:", b"", b"=", b"::", b":\x0b", b":\t")))


@twist("5-names")
def separator(rng, d):
    if d.fields:
        rng.choice(d.fields)[1] = rng.choice((b":", b":\t", b":   ", b": \t ", b" :", b" : ", b"\t: ", b"", b" ", b"\x00:", b":\x00", b":\x0b", b":\r\n ", b"\r\n: ", b":\n", b"\x0c: ", b"\xa0: "))


@twist("5-values")
def value(rng, d):
    f = rng.choice(d.fields) if d.fields and rng.random() < 0.4 else None
    if f is None:
        d.add(b"X-V", b"value", at=rng.randrange(len(d.fields) + 1))
        f = d.named(b"x-v")[0]
    f[2] = insert(rng, f[2], rng.choice(CONTROL + (b"\t", b" ", b"\xc3\xa4", b"\r\nX-In: 1", b"\nX-In: 1", b"\rX-In: 1", b"\r\r\nX-In: 1", b"\r\n\r\n" + SMUGGLED, b"\n\n" + SMUGGLED, b"\x00" * 5)))


@twist("5-fold")
def fold(rng, d):
    which = rng.choice((b"X-Fold", b"Transfer-Encoding", b"Content-Length", b"Host", b"Connection"))
    first, rest = {b"X-Fold": (b"a", b"b"), b"Transfer-Encoding": (b"", b"chunked"), b"Content-Length": (b"", b"5"), b"Host": (b"", b"localhost"), b"Connection": (b"", b"close")}[which]
    d.add(which, first + rng.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r ", b"\r\n \r\n ", b" \r\n  ", b"\r\n\x0b")) + rest, at=rng.randrange(len(d.fields) + 1))


@twist("5-lines")
def odd_lines(rng, d):
    line = rng.choice((b"no colon", b"GET /svc/in HTTP/1.1", b"HTTP/1.1 200 OK", b" ", b"\t", b"X", b":", b": x", b"\x00", b"\xff\xfe", b"X-A: 1\r\nX-A: 2", b"X-A: 1\r\nx-a: 2", b"#x: 1", b"-: 1", b"X-A: 1\x00\r\nX-B: 2"))
    d.fields.insert(rng.randrange(len(d.fields) + 1), [line, b"", b"", CRLF])


@twist("5-many")
def many(rng, d):
    count = rng.choice((20, 60, 95, 98, 99, 100, 101, 200))
    equal = rng.random() < 0.3
    for i in range(count):
        d.add(b"X-M" if equal else b"X-%d" % i, b"v" * rng.choice((0, 1, 8)))


# ---- 6: framing ----

CODINGS = (
    b"chunked", b"Chunked", b"CHUNKED", b"chunked ", b"\tchunked", b" chunked", b"chunked,", b",chunked", b"chunked, chunked", b"identity", b"identity, chunked", b"chunked, identity", b"gzip, chunked", b"gzip", b"chunked;q=1", b"chunked;a=b",
    b'"chunked"', b"'chunked'", b"xchunked", b"chunkedx", b"chunk", b"\x0bchunked", b"\x0cchunked", b"chunked\x00", b"\x00chunked", b"chun ked", b"chun\rked", b"chun\nked", b"chunked\r", b"chunked\xa0", b"\xa0chunked", b"cow", b"",
    b"chunked\r\nTransfer-Encoding: identity", b"identity\r\nTransfer-Encoding: chunked", b"chunked\nX: y", b"x\r\n\tchunked", b"chunKed, x", b"deflate;chunked", b"chunked, ", b"ch\xc5\xabnked", b"trailers, chunked", b"nothing\r\n chunked",
)  # fmt: skip
CODING_NAMES = (
    b"Transfer-Encoding", b"Transfer-Encoding", b"Transfer-Encoding", b"transfer-encoding", b"TRANSFER-ENCODING", b"Transfer-Encoding ", b" Transfer-Encoding", b"Transfer_Encoding", b"Transfer-Encoding\x00", b"Transfer-Encoding\t", b"Transfer Encoding",
    b"\rTransfer-Encoding", b"\nTransfer-Encoding", b"X: y\nTransfer-Encoding", b"X: y\rTransfer-Encoding", b"X: y\r\rTransfer-Encoding", b"Transfer-Encoding\r\n ", b"Transfer.Encoding", b"Transfer-Encod\xc4\xb1ng", b"TE", b"Foo: bar\r\nTransfer-Encoding",
)  # fmt: skip


@twist("6-coding")
def coding(rng, d):
    chunks_for(rng, d)
    for f in d.named(b"transfer-encoding"):
        f[0], f[2] = rng.choice(CODING_NAMES), rng.choice(CODINGS)


@twist("6-coding")
def coding_twice(rng, d):
    chunks_for(rng, d)
    d.add(rng.choice(CODING_NAMES), rng.choice(CODINGS), at=rng.randrange(len(d.fields) + 1))


LENGTHS = (
    b"+%d", b"-%d", b"0x%x", b"0%d", b"000000000000000000000%d", b"%d ", b" %d", b"\t%d", b"%d\t", b"%d,%d", b"%d, %d", b"%d,", b",%d", b"%d;", b"%d.0", b"%de0", b"%d_0", b"%d\x00", b"\x00%d", b"%d\x0b", b"\x0b%d", b"%d a", b"%d\r", b"%d\xa0", b"", b"NaN",
    b"18446744073709551621", b"18446744073709551616", b"9223372036854775808", b"9223372036854775807", b"-1", b"4294967301", b'"%d"', b"%d\r\n ", b"%d\nX: y", b"%d, 0", b"0, %d", b"%d%%", b"\xef\xbc\x95", b"1 %d", b"%d\r\nContent-Length: %d",
)  # fmt: skip


def length_text(rng, size):
    form = rng.choice(LENGTHS)
    return form % ((size,) * (form.count(b"%d") + form.count(b"%x")))


@twist("6-length")
def bad_length(rng, d):
    f = length_for(rng, d)
    f[2] = length_text(rng, len(d.body))
    f[0] = rng.choice((b"Content-Length",) * 4 + (b"content-length", b"Content-Length ", b"Content_Length", b" Content-Length", b"Content-Length\x00", b"Content Length", b"Content-Length\t", b"X: y\nContent-Length", b"X: y\rContent-Length"))


@twist("6-length")
def wrong_length(rng, d):
    f = length_for(rng, d)
    f[2] = b"%d" % max(0, len(d.body) + rng.choice((-len(d.body), -2, -1, 1, 2, 5, 1000)))


@twist("6-length")
def length_twice(rng, d):
    length_for(rng, d)
    d.add(b"Content-Length", rng.choice((b"%d" % len(d.body), b"0", b"%d" % (len(d.body) + 1), length_text(rng, len(d.body)))), at=rng.randrange(len(d.fields) + 1))


@twist("6-both")
def length_and_coding(rng, d):
    body_for(rng, d)
    if d.chunks is None:
        d.add(rng.choice(CODING_NAMES), rng.choice(CODINGS), at=rng.randrange(len(d.fields) + 1))
    else:
        d.add(b"Content-Length", rng.choice((b"0", b"3", b"5", b"100", length_text(rng, 5))), at=rng.randrange(len(d.fields) + 1))


@twist("6-no-body")
def body_nobody_asked_for(rng, d):
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    d.chunks, d.body = None, rng.choice((HELLO, SMUGGLED, b"0\r\n\r\n", b"\r\n", b"5\r\nhello\r\n0\r\n\r\n"))
    d.method = rng.choice((b"GET", b"POST", b"HEAD", b"OPTIONS", b"DELETE"))


# ---- 7: chunks ----

SIZES = (b"0%x", b"%x ", b" %x", b"\t%x", b"%x\t", b"0x%x", b"+%x", b"-%x", b"%x.0", b"%xh", b"", b"g", b"%x %x", b"%x,", b"%x\x00", b"\x00%x", b"00000000000000000%x", b"%x_", b"%x\x0b", b"1%016x", b"ffffffffffffffff", b"8000000000000000", b"7fffffffffffffff", b"10000000000000005", b"\xef\xbc\x95", b"%x\r", b"%x\n")
EXTENSIONS = (
    b";a", b";a=b", b';a="b;c"', b';a="b\\"c"', b" ;a", b";", b"; ", b";=b", b";a=", b';a="b', b';a="\r\n"', b";a\x00", b";a\x01b", b";a b", b";\n", b";\r", b";a\n", b";a\r", b";a=b;c=d", b"\t;a=b", b" ; a = b", b";a=\xff", b";" + b"a" * 300, b";a=" + b"b" * 5000, b" a", b"#", b";a=b\r\r",
    b";\n" + b"5", b";a\n0", b';a="b\nc"', b";;", b";a;;b", b" ", b"\x0b",
)  # fmt: skip
TRAILERS = (
    (b"X-T", b": ", b"1"), (b"X-T", b":", b""), (b"Host", b": ", b"evil"), (b"Content-Length", b": ", b"5"), (b"Transfer-Encoding", b": ", b"chunked"), (b"Authorization", b": ", b"x"), (b"X T", b": ", b"1"), (b"X-T ", b": ", b"1"),
    (b"X-T", b" : ", b"1"), (b" X-T", b": ", b"1"), (b"X-T", b": ", b"a\x00b"), (b"X-T", b": ", b"a\rb"), (b"X-T", b": ", b"a\nb"), (b"X-T", b": ", b"a\r\n b"), (b"", b": ", b"1"), (b"no colon", b"", b""), (b"Connection", b": ", b"close"), (b"X-L", b": ", b"l" * 5000),
    (b"GET /svc/in HTTP/1.1\r\nHost", b": ", b"localhost"), (b"Cookie", b": ", b"a=b"), (b"Set-Cookie", b": ", b"a=b"), (b"Upgrade", b": ", b"h2c"), (b"X-\xff", b": ", b"1"), (b"X-T", b": ", b"\xff"),
)  # fmt: skip


def some_chunk(rng, d):
    chunks_for(rng, d)
    return rng.choice(d.chunks)


@twist("7-size")
def chunk_size(rng, d):
    c = some_chunk(rng, d)
    form = rng.choice(SIZES)
    c.size = form % ((len(c.data),) * form.count(b"%"))


@twist("7-size")
def wrong_chunk_size(rng, d):
    c = some_chunk(rng, d)
    c.size = b"%x" % max(0, len(c.data) + rng.choice((-2, -1, 1, 2, 3, 16)))


@twist("7-extension")
def chunk_extension(rng, d):
    c = some_chunk(rng, d)
    c.rest = rng.choice(EXTENSIONS)


@twist("7-line-ends")
def chunk_line_ends(rng, d):
    c = some_chunk(rng, d)
    end = rng.choice((b"\n", b"\r", b"", b"\r\r\n", b"\n\r", b"\r\n\r\n", b" \r\n", b"x\r\n", b"\r\nx", b"\r\n\n", b"XX", b"\n\n", b"\r "))
    if rng.random() < 0.5:
        c.line_end = end
    else:
        c.data_end = end


@twist("7-trailers")
def trailers(rng, d):
    chunks_for(rng, d)
    for _ in range(rng.choice((1, 1, 2, 3))):
        d.trailers.append([*rng.choice(TRAILERS), rng.choice((CRLF,) * 6 + LINE_ENDS)])


@twist("7-trailers")
def end_of_chunks(rng, d):
    chunks_for(rng, d)
    d.end = rng.choice((b"\n", b"\r", b"", b"\r", b"\n\n", b"\r\n\r\n", b" \r\n", b"\x00\r\n", SMUGGLED, CRLF + SMUGGLED))


@twist("7-last-chunk")
def last_chunk(rng, d):
    chunks_for(rng, d)
    if rng.random() < 0.2:
        d.chunks.pop()
        return
    d.chunks[-1].size = rng.choice((b"00", b"0000000000000000", b"00000000000000000", b"0x0", b"-0", b"+0", b"0 ", b" 0", b"0\t", b"", b"0\x00", b"00000000000000000000000000000000", b"0.", b"0;", b"0\n\n"))
    d.chunks[-1].line_end = rng.choice((CRLF, CRLF, CRLF, b"\n", b"\r", b"\r\n\n"))


# ---- 9: connections ----


@twist("9-connection")
def connection(rng, d):
    names = (b"close", b"keep-alive", b"X-A", b"Host", b"Content-Length", b"Transfer-Encoding", b"Authorization", b"Cookie", b"upgrade", b"TE", b"x-forwarded-for", b"Via", b"", b"a b", b"close, X-A", b"keep-alive, close", b'"close"', b"\x00", b"Connection", b"csidecar-instance", b"closed")
    for _ in range(rng.choice((1, 1, 2))):
        d.add(rng.choice((b"Connection", b"Connection", b"connection", b"Proxy-Connection")), rng.choice((b", ", b",", b" ,, ")).join(rng.sample(names, rng.choice((1, 1, 2, 3)))))


@twist("9-upgrade")
def upgrade(rng, d):
    what = rng.choice((b"h2c", b"websocket", b"WebSocket", b"h2c, websocket", b"websocket, h2c", b"TLS/1.0", b"", b"websocket\x00", b"foo/2"))
    d.add(b"Upgrade", what)
    d.add(b"Connection", rng.choice((b"Upgrade", b"upgrade, HTTP2-Settings", b"keep-alive, Upgrade", b"close", b"Upgrade, close")))
    if rng.random() < 0.5:
        d.add(b"HTTP2-Settings", b"AAMAAABkAAQAAP__")
    if rng.random() < 0.5:
        d.add(b"Sec-WebSocket-Key", b"dGhlIHNhbXBsZSBub25jZQ==")
        d.add(b"Sec-WebSocket-Version", b"13")


@twist("9-expect")
def expect(rng, d):
    body_for(rng, d)
    d.add(rng.choice((b"Expect", b"Expect", b"Expect ", b"expect")), rng.choice((b"100-continue", b"100-Continue", b" 100-continue ", b"y 100-continue", b"100-continue, x", b"100-continue\x00", b"200-ok", b"", b"100-continue\r\nExpect: 100-continue", b"\r\n 100-continue")))


@twist("9-hops")
def hops(rng, d):
    name, given = rng.choice(
        ((b"Keep-Alive", b"timeout=5"), (b"TE", b"trailers"), (b"TE", b"chunked"), (b"Trailer", b"X-T"), (b"Proxy-Authorization", b"Basic x"), (b"Max-Forwards", b"0"), (b"Max-Forwards", b"5"), (b"Max-Forwards", b"x"), (b"Max-Forwards", b"-1"),
         (b"Via", b"1.1 other"), (b"Via", b"1.1 a, 1.0 b (c, d)"), (b"X-Forwarded-For", b"1.2.3.4"), (b"X-Forwarded-Host", b"evil"), (b"X-Forwarded-Proto", b"https"), (b"X-Forwarded-Prefix", b"/evil"), (b"Forwarded", b"for=1.2.3.4;host=evil"),
         (b"X-Original-URL", b"/admin"), (b"X-Rewrite-URL", b"/admin"), (b"csidecar-timeout", b"1s"), (b"csidecar-retries", b"9"), (b"csidecar-instance", b"none"), (b"csidecar-service", b"svc"), (b"csidecar-service", b"a b"), (b"csidecar-hash", b"\xff"),
         (b"X-HTTP-Method-Override", b"DELETE"), (b"traceparent", b"00-x"), (b"traceparent", b""), (b"Content-Encoding", b"gzip"), (b"Idempotency-Key", b"k"))
    )  # fmt: skip
    for _ in range(rng.choice((1, 1, 1, 2))):
        d.add(name, given, at=rng.randrange(len(d.fields) + 1))


# ---- published families ----


def other_coding(rng):
    return rng.choice(CODING_NAMES), rng.choice(CODINGS)


@twist("desync-cl-te")
def cl_te(rng, d):
    """The length ends behind what the chunks end before."""
    inner = b"0\r\n\r\n" + rng.choice((SMUGGLED, b"G", b"GET /svc/smuggled HTTP/1.1\r\nX: "))
    d.method = b"POST"
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    with_length(d, inner)
    name, text = other_coding(rng)
    d.add(name, text, at=rng.randrange(len(d.fields) + 1))


@twist("desync-te-cl")
def te_cl(rng, d):
    d.method = b"POST"
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    with_chunks(d, rng.choice((SMUGGLED, b"x=1")))
    d.add(b"Content-Length", rng.choice((b"4", b"3", b"0", b"6")), at=rng.randrange(len(d.fields) + 1))
    if rng.random() < 0.5:
        d.named(b"transfer-encoding")[0][:3:2] = other_coding(rng)


@twist("desync-cl-0")
def cl_0(rng, d):
    d.method = rng.choice((b"GET", b"HEAD", b"OPTIONS", b"POST", b"TRACE"))
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    with_length(d, SMUGGLED)


@twist("desync-0-cl")
def zero_cl(rng, d):
    """A length that one of two readers may overlook."""
    d.method = rng.choice((b"GET", b"POST"))
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    d.body, d.chunks = SMUGGLED, None
    d.add(rng.choice((b" Content-Length", b"Content-Length ", b"X: y\nContent-Length", b"Content-Length\r\n ", b"content-length", b"Content-\x00Length")), b"%d" % len(SMUGGLED), separator=rng.choice((b": ", b" : ", b":\n ", b":\r\n\t", b":")))
    if rng.random() < 0.4:
        d.add(b"Expect", rng.choice((b"100-continue", b"y 100-continue", b"\r\n 100-continue")))


@twist("desync-chunk-lines")
def chunk_lines(rng, d):
    """TERM.EXT, EXT.TERM, TERM.SPILL, SPILL.TERM, ONE.TWO and so on: where does a chunk's line, or its data, end?"""
    d.method = b"POST"
    d.fields = [f for f in d.fields if f[0].lower() not in (b"content-length", b"transfer-encoding")]
    d.chunks = None
    d.add(b"Transfer-Encoding", b"chunked")
    hidden = b"AB\r\n0\r\n\r\n" + SMUGGLED + b"0\r\n\r\n"
    d.body = rng.choice(
        (b"2;\nxx\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden), b"2;\rxx\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden), b"2\nxx\r\n0\r\n\r\n" + SMUGGLED, b"5\r\nhelloXX0\r\n\r\n" + SMUGGLED, b"5\r\nhello\n0\r\n\r\n" + SMUGGLED,
         b"5\r\nhello0\r\n\r\n" + SMUGGLED, b"5\r\nhelloX\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\n\r\n" + SMUGGLED, b"0\r\n\n" + SMUGGLED, b"0\r\nX: " + SMUGGLED, b"1\r\nZ\r\nQ\r\n", b"5;a=\"\r\n0\r\n\r\n\"\r\nhello\r\n0\r\n\r\n", b"0\n\r\n\r\n" + SMUGGLED)
    )  # fmt: skip
