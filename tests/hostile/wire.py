"""A strict reader of HTTP/1.1 bytes, and the audit of what a proxy may send on.

The reader never guesses: what it can't frame is left over. The audit then says what is wrong with it.
"""

import re

from .case import Message

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(TOKEN + rb" [\x21\x22\x24-\x7e\x80-\xff]+ HTTP/1\.1\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9] [\t\x20-\x7e\x80-\xff]*\Z")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*([^\x00\r\n]*?)[ \t]*\Z")
HOST = re.compile(
    rb"(\[[0-9A-Fa-f:.]+\]|\[v[0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+\]"
    rb"|([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+)(:[0-9]*)?\Z"
)
CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})((;" + TOKEN + rb"(=(" + TOKEN + rb'|"([^"\\\x00\r\n]|\\[\t\x20-\x7e])*"))?)*)\Z'
)
INT63 = 2**63 - 1
FORBIDDEN_TRAILERS = {
    b"host", b"content-length", b"transfer-encoding", b"authorization", b"connection", b"trailer",
    b"content-encoding", b"content-type", b"content-range", b"te", b"cookie", b"expect", b"set-cookie",
    b"max-forwards", b"cache-control", b"proxy-authorization", b"upgrade", b"keep-alive",
}  # fmt: skip


def split_head(raw):
    """(first line, fields, rest), or None while the head isn't whole."""
    end = raw.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = raw[:end].split(b"\r\n")
    fields = [m.groups() if (m := FIELD.match(line)) else (b"", line) for line in lines[1:]]
    return lines[0], fields, raw[end + 4 :]


def read_chunked(raw):
    """(body, trailers, rest, whole). Stops, not whole, at the first thing that isn't right."""
    body = b""
    while True:
        line, end, rest = raw.partition(b"\r\n")
        match = CHUNK_LINE.match(line)
        if not end or not match or int(match[1], 16) > INT63:
            return body, [], raw, False
        size = int(match[1], 16)
        if size == 0:
            if rest.startswith(b"\r\n"):
                return body, [], rest[2:], True
            trailers = split_head(b"-\r\n" + rest)
            return (body, trailers[1], trailers[2], True) if trailers else (body, [], raw, False)
        if len(rest) < size + 2 or rest[size : size + 2] != b"\r\n":
            return body + rest[:size], [], raw, False
        body, raw = body + rest[:size], rest[size + 2 :]


def read_length(rest, length):
    return rest[:length], [], rest[length:], len(rest) >= length


def framing(message):
    """("chunked" | a length | None, fine): what the head says of the body, and whether that is clear."""
    coding, length = message.values(b"transfer-encoding"), message.values(b"content-length")
    if coding:
        return "chunked", [c.lower() for c in coding] == [b"chunked"] and not length
    if not length:
        return None, True
    fine = len(length) == 1 and re.fullmatch(rb"[0-9]{1,19}", length[0]) and int(length[0]) <= INT63
    return (int(length[0]) if fine else 0), bool(fine)


def read_request(raw):
    """(message or None, rest)."""
    parts = split_head(raw)
    if not parts:
        return None, raw
    message = Message(parts[0], parts[1], head=raw[: len(raw) - len(parts[2])])
    how, _ = framing(message)
    read = read_chunked(parts[2]) if how == "chunked" else read_length(parts[2], how or 0)
    message.body, message.trailers, rest, message.whole = read
    return message, rest


def read_response(raw, method, closed):
    """(message or None, rest). A body without framing lasts until the close."""
    parts = split_head(raw)
    if not parts or not STATUS_LINE.match(parts[0]):
        return None, raw
    message = Message(parts[0], parts[1], head=raw[: len(raw) - len(parts[2])])
    how, _ = framing(message)
    if method == b"HEAD" or message.status < 200 or message.status in (204, 304):
        return message, parts[2]
    if how is None:
        message.body, message.whole = parts[2], closed
        return message, b""
    read = read_chunked(parts[2]) if how == "chunked" else read_length(parts[2], how)
    message.body, message.trailers, rest, message.whole = read
    return message, b"" if not message.whole else rest


def audit_lines(head):
    for line in head.split(b"\r\n")[1:]:
        if line and not FIELD.match(line):
            yield "a bad field line: %r" % line[:80]


def audit_fields(message):
    """What both directions forbid."""
    yield from audit_lines(message.head[:-4])
    if not framing(message)[1]:
        yield "ambiguous framing"
    for name in (b"keep-alive", b"proxy-connection", b"http2-settings"):
        if message.values(name):
            yield "hop-by-hop %s passed on" % name.decode()
    for name, _ in message.trailers:
        if not name or name.lower() in FORBIDDEN_TRAILERS:
            yield "a forbidden trailer passed on: %s" % name.decode("latin1")


def audit_request(message):
    """What a strict upstream would find wrong with a request the proxy sent it."""
    yield from audit_fields(message)
    if not REQUEST_LINE.match(message.line):
        yield "a bad request line: %r" % message.line[:80]
    hosts = message.values(b"host")
    if len(hosts) != 1 or not HOST.match(hosts[0]):
        yield "a bad Host: %r" % hosts
    if any(u.lower() != b"websocket" for u in message.values(b"upgrade")):
        yield "an upgrade passed on: %r" % message.values(b"upgrade")


def audit_response(message):
    """What a strict client would find wrong with an answer the proxy sent it."""
    yield from audit_fields(message)
    if message.status in (204,) and message.values(b"content-length"):
        yield "204 with Content-Length"
    if message.status < 200 and (message.values(b"content-length") or message.values(b"transfer-encoding")):
        yield "1xx with a framing field"


def audit_chunks(raw):
    """Chunks sent on that a strict upstream can't read; merely unfinished ones are fine."""
    line, end, rest = read_chunked(raw)[2].partition(b"\r\n")
    match = CHUNK_LINE.match(line)
    begun = re.fullmatch(rb"[0-9A-Fa-f]{0,16}(;[^\r\n\x00]*)?\r?", line)
    if not (match if end else begun):
        yield "a bad chunk line passed on: %r" % line[:80]
    elif end and int(match[1], 16) > INT63:
        yield "a chunk size past 2^63-1 passed on"
    elif end and 0 < int(match[1], 16) < len(rest) - 1:
        yield "chunk data of another length passed on"
    elif end and int(match[1], 16) == 0 and split_head(b"-\r\n" + rest) is None:
        yield from audit_lines(b"-\r\n" + rest.rpartition(b"\r\n")[0])


def audit_rest(raw):
    """Bytes that made no whole request: half of one is fine as far as it goes."""
    message, _ = read_request(raw)
    if message:
        yield from audit_request(message)
        if framing(message)[0] == "chunked":
            yield from audit_chunks(raw[len(message.head) :])
    elif raw and not re.match(TOKEN + rb"( |\Z)", raw):
        yield "bytes that are no request: %r" % raw[:80]
    elif re.search(rb"[\x00]|(?<!\r)\n|\r(?!\n|\Z)", raw):
        yield "bare CR, LF or NUL: %r" % raw[:80]
