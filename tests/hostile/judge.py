"""Whether what was seen is what a case asks for. Every judge answers None, or what is wrong."""

from . import wire
from .case import ACCEPT, REFUSE

REFUSALS = set(range(400, 500)) | {501, 505}


def request(case, seen):
    if seen.faults:
        return "passed on: " + seen.faults[0]
    if seen.decoy:
        return "it connected where it must not"
    if case.expect == REFUSE:
        return refused(case, seen)
    if case.expect == ACCEPT:
        return answered(case, seen) or (case.check and case.check(seen))
    return normalised(case, seen)


def refused(case, seen):
    if len(seen.requests) > case.reaches:
        return "passed on: %r" % seen.requests[-1].head[:200]
    if not case.in_body and case.reaches == 0 and any(seen.raw):
        return "bytes reached the upstream: %r" % max(seen.raw)[:200]
    if len(seen.answers) != case.reaches + 1 or seen.stray:
        return "%d answers, stray %r" % (len(seen.answers), seen.stray[:80])
    status = seen.answers[-1].status
    if status not in (case.status or REFUSALS):
        return "refused with %d" % status if seen.refused else "answered %d" % status
    if case.closes and not seen.closed:
        return "refused, but the connection stays open"
    return next((wrong for a in seen.answers for wrong in wire.audit_response(a)), None)


def answered(case, seen):
    if len(seen.answers) != case.answers or seen.stray:
        return "%d answers, stray %r" % (len(seen.answers), seen.stray[:80])
    bad = [a for a in seen.answers if not 200 <= a.status < 300 or not a.whole]
    if bad:
        return "answered %d %s" % (bad[0].status, "" if bad[0].whole else "(cut short)")
    if len(seen.requests) != case.answers:
        return "%d requests reached the upstream" % len(seen.requests)


def normalised(case, seen):
    """Refused before anything whole went out, or passed in a form the check calls safe."""
    if seen.stray:
        return "stray bytes to the client: %r" % seen.stray[:80]
    if case.check:
        return case.check(seen)
    if len(seen.requests) > max(case.answers, case.reaches):
        return "%d requests reached the upstream" % len(seen.requests)


def response(case, seen):
    wrong = unpoisoned(case, seen)
    if wrong:
        return wrong
    faults = [fault for a in seen.answers + seen.interim for fault in wire.audit_response(a)]
    if faults:
        return "passed on: " + faults[0]
    if case.expect == REFUSE:
        return gateway_error(seen)
    if case.expect == ACCEPT and (not seen.answers or not seen.answers[0].whole or seen.answers[0].status == 502):
        return "a good answer did not pass: %r" % [a.line for a in seen.answers]
    if gateway_error(seen) is None and case.expect != ACCEPT:
        return None
    return case.check(seen) if case.check else None


def gateway_error(seen):
    """502 (or 504), or an end the client can see is no end; never a whole answer."""
    if seen.stray:
        return "passed on: %r" % seen.stray[:80]
    if not seen.answers:
        return None if seen.closed else "no answer and no close"
    answer = seen.answers[0]
    if answer.status in (502, 504):
        return None
    return "passed on as whole: %r" % answer.line if answer.whole else None if seen.closed else "no close"


def unpoisoned(case, seen):
    """The request after it is answered by its own answer, on another connection if it has to be."""
    second = seen.second
    if len(seen.answers) > 1 or seen.stray and case.expect == ACCEPT:
        return "more than one answer: %r %r" % ([a.line for a in seen.answers], seen.stray[:80])
    if len(second.answers) != 1 or second.stray:
        return "the next request got %r, stray %r" % ([a.line for a in second.answers], second.stray[:80])
    answer = second.answers[0]
    if answer.status != 200 or not answer.body.startswith(b"echo GET /second"):
        return "the next request got %r %r" % (answer.line, answer.body[:60])
    used = {r.connection for r in seen.requests}
    after = {r.connection for r in second.requests}
    if not case.reuse and used & after:
        return "the connection was used again"
    if seen.faults:
        return "passed on: " + seen.faults[0]


def slow(case, closed_after, limit):
    if closed_after is None:
        return "still open after %.1f s" % limit
