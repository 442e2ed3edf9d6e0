"""All cases, in one list each way."""

from . import (
    browser, requests_chunks, requests_coding, requests_fields, requests_forged, requests_hops, requests_host, requests_length, requests_limits,
    requests_line, requests_pipeline, responses_framing, responses_order, responses_syntax, slow,
)  # fmt: skip


def unique(cases):
    """Names made from bytes may meet; the later ones get a number."""
    seen, out = {}, []
    for case in cases:
        seen[case.name] = count = seen.get(case.name, 0) + 1
        out.append(case if count == 1 else type(case)(**{**vars(case), "name": "%s-%d" % (case.name, count)}))
    return out


REQUESTS = unique(
    requests_length.CASES
    + requests_coding.CASES
    + requests_chunks.CASES
    + requests_fields.CASES
    + requests_host.CASES
    + requests_line.CASES
    + requests_hops.CASES
    + requests_forged.CASES
    + requests_limits.CASES
    + requests_pipeline.CASES
)
RESPONSES = unique(responses_framing.CASES + responses_syntax.CASES + responses_order.CASES)
SLOW = slow.CASES
BROWSER = browser.CASES
EVERY = REQUESTS + RESPONSES + BROWSER  # these need no short limits
