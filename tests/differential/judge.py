"""Where readers disagree. A case is fine when nothing went on, or when all that went on

  - was read alike by llhttp and h11: the same requests, each with the same method, target, fields, body and trailers, and the
    same end: between requests, or inside one that was then broken off;
  - stands the audit of the strict reader (tests/hostile/wire.py);
  - was as many requests as the client got answers to;
  - is what the client said, as far as either reader could read that.
"""

from tests.hostile import wire

from .readers import CLEAN, PARTIAL, read_h11, read_llhttp

OWN_FAILURES = {500, 502, 504}  # of a proxy whose upstreams are well
# What the proxy may add to, take out of or say in its own way in a request; all other fields come as they were said.
OWN_FIELDS = {
    "host", "content-length", "transfer-encoding", "connection", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix",
    "traceparent", "expect", "te", "upgrade", "keep-alive", "proxy-connection", "proxy-authorization", "http2-settings", "max-forwards", "trailer",
}  # fmt: skip


def judge(seen_list):
    """[[what is wrong, ...], ...] in the order of the list."""
    upstream = [raw for seen in seen_list for raw in seen.upstream]
    clients = [seen.sent for seen in seen_list]
    by_llhttp = iter(read_llhttp(upstream + clients))
    ups = [[(raw, next(by_llhttp), read_h11(raw)) for raw in seen.upstream] for seen in seen_list]
    said = [(next(by_llhttp), read_h11(raw)) for raw in clients]
    return [list(faults(seen, up, client)) for seen, up, client in zip(seen_list, ups, said)]


def faults(seen, up, client):
    for raw, one, other in up:
        yield from alike(raw, one, other)
        yield from strict(raw)
    whole = [r for _, one, _ in up for r in one.requests]
    yield from counted(seen, whole)
    for name, reading in zip(("llhttp", "h11"), client):
        yield from meant(name, reading, whole)


def alike(raw, one, other):
    if one.refused or other.refused:
        yield "not read: llhttp %s, h11 %s: %r" % (one.end, other.end, raw[:300])
    elif one.end != other.end or len(one.requests) != len(other.requests):
        yield "llhttp read %d and %s, h11 %d and %s: %r" % (len(one.requests), one.end, len(other.requests), other.end, raw[:300])
    for a, b in zip(one.requests, other.requests):
        if comparable(a) != comparable(b):
            yield "llhttp read %r, h11 %r" % (a, b)


def comparable(request):
    """Without what h11 writes in its own way: the case of `chunked`."""
    method, target, fields, body, trailers, version = request
    return method, target, [(n, v.lower() if n == "transfer-encoding" else v) for n, v in fields], body, trailers, version


def strict(raw):
    while raw:
        message, rest = wire.read_request(raw)
        if message is None or not message.whole:
            yield from wire.audit_rest(raw)
            return
        yield from wire.audit_request(message)
        raw = rest


def counted(seen, whole):
    if not seen.closed:
        yield "not closed, answers %r" % seen.statuses
    if seen.left_open:
        yield "half a request is left open upstream"
    if len(whole) != len(seen.serials):
        yield "llhttp read %d requests upstream, the strict reader %d" % (len(whole), len(seen.serials))
    if seen.relayed != seen.serials:
        yield "upstream answered %r, the client got %r and %r" % (seen.serials, seen.relayed, seen.statuses)
    if OWN_FAILURES & set(seen.statuses):
        yield "answered %r" % seen.statuses


def end_to_end(request):
    """Fields that must come through, without those that this request's Connection names."""
    fields = request[2]
    named = {t.strip().lower() for n, v in fields if n == "connection" for t in v.split(",")}
    return [(n, v) for n, v in fields if n not in OWN_FIELDS and n not in named and not n.startswith("csidecar-") and n != "dapr-app-id"]


def means(request):
    return request[0], end_to_end(request), request[3]


def meant(name, reading, whole):
    """The proxy may refuse, and so answer fewer; requests it answers itself (404, OPTIONS with Max-Forwards: 0) go nowhere. But
    what went on is what the client said, in that order."""
    said = iter(reading.requests)
    for request in whole:
        wanted = means(request)
        last = None
        for last in said:
            if means(last) == wanted:
                break
        else:
            if reading.end == CLEAN or (reading.end == PARTIAL and not reading.refused):
                yield "the client did not say so (by %s): %r of %r" % (name, wanted, [means(r) for r in reading.requests])
            return
