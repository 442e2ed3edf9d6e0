"""Chunked bodies, good and bad, as a client or an upstream may send them."""

EXTENSION = b"5;%s\r\nhello\r\n0\r\n\r\n"

BAD = {
    "size-zz": b"zz\r\nhello\r\n0\r\n\r\n",
    "size-0x5": b"0x5\r\nhello\r\n0\r\n\r\n",
    "size-plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "size-minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "size-empty": b"\r\nhello\r\n0\r\n\r\n",
    "size-leading-space": b" 5\r\nhello\r\n0\r\n\r\n",
    "size-leading-tab": b"\t5\r\nhello\r\n0\r\n\r\n",
    "size-two-numbers": b"5 5\r\nhello\r\n0\r\n\r\n",
    "size-underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "size-suffix-h": b"5h\r\nhello\r\n0\r\n\r\n",
    "size-nul": b"5\x00\r\nhello\r\n0\r\n\r\n",
    "size-nul-first": b"\x005\r\nhello\r\n0\r\n\r\n",
    "size-vt": b"5\x0b\r\nhello\r\n0\r\n\r\n",
    "size-comma": b"5,5\r\nhello\r\n0\r\n\r\n",
    "size-point": b"5.0\r\nhello\r\n0\r\n\r\n",
    "size-hash": b"5#\r\nhello\r\n0\r\n\r\n",
    "size-quoted": b'"5"\r\nhello\r\n0\r\n\r\n',
    "size-wide-digit": b"\xef\xbc\x95\r\nhello\r\n0\r\n\r\n",
    "size-only-extension": b";a=b\r\nhello\r\n0\r\n\r\n",
    "size-2-63": b"8000000000000000\r\nhello\r\n0\r\n\r\n",
    "size-2-64-less-1": b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "size-2-64-plus-5": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "size-2-32-hidden": b"100000000000000000000000000000005\r\nhello\r\n0\r\n\r\n",
    "lf-after-size": b"5\nhello\r\n0\r\n\r\n",
    "lf-after-data": b"5\r\nhello\n0\r\n\r\n",
    "lf-after-last-size": b"5\r\nhello\r\n0\n\r\n",
    "lf-at-end": b"5\r\nhello\r\n0\r\n\n",
    "lf-everywhere": b"5\nhello\n0\n\n",
    "cr-after-size": b"5\rhello\r\n0\r\n\r\n",
    "cr-junk-after-size": b"5\rX\r\nhello\r\n0\r\n\r\n",
    "cr-after-data": b"5\r\nhello\r0\r\n\r\n",
    "cr-cr-lf": b"5\r\r\nhello\r\n0\r\n\r\n",
    "data-longer": b"5\r\nhello!\r\n0\r\n\r\n",
    "data-shorter": b"7\r\nhello\r\n0\r\n\r\n",
    "data-no-end": b"5\r\nhello0\r\n\r\n",
    "data-junk-for-end": b"5\r\nhelloXX0\r\n\r\n",
    "last-0x0": b"5\r\nhello\r\n0x0\r\n\r\n",
    "last-minus-0": b"5\r\nhello\r\n-0\r\n\r\n",
    "last-junk": b"5\r\nhello\r\n0 X\r\n\r\n",
    "extension-nul": EXTENSION % b"a=\x00b",
    "extension-lf": b"5;a\nhello\r\n0\r\n\r\n",
    "extension-lf-in-value": b"5;a=b\nc\r\nhello\r\n0\r\n\r\n",
    "extension-cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-quoted-crlf": b'5;a="x\r\ny"\r\nhello\r\n0\r\n\r\n',
    "trailer-no-colon": b"5\r\nhello\r\n0\r\nX-T\r\n\r\n",
    "trailer-space-before-colon": b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n",
    "trailer-folded": b"5\r\nhello\r\n0\r\nX-T: 1\r\n 2\r\n\r\n",
    "trailer-nul": b"5\r\nhello\r\n0\r\nX-T: a\x00b\r\n\r\n",
    "trailer-bare-cr": b"5\r\nhello\r\n0\r\nX-T: a\rX-U: b\r\n\r\n",
    "trailer-bare-lf": b"5\r\nhello\r\n0\r\nX-T: a\nX-U: b\r\n\r\n",
    "trailer-empty-name": b"5\r\nhello\r\n0\r\n: 1\r\n\r\n",
    "trailer-bad-name": b"5\r\nhello\r\n0\r\nX(T): 1\r\n\r\n",
}

# Lax but harmless where what goes on is re-framed.
DOUBTFUL = {
    "size-trailing-space": b"5 \r\nhello\r\n0\r\n\r\n",
    "size-trailing-tab": b"5\t\r\nhello\r\n0\r\n\r\n",
    "size-many-zeros": b"0" * 100 + b"5\r\nhello\r\n0\r\n\r\n",
    "last-many-zeros": b"5\r\nhello\r\n" + b"0" * 40 + b"\r\n\r\n",
    "extension-space-before": b"5 ;a=b\r\nhello\r\n0\r\n\r\n",
    "extension-space-after": b"5; a = b\r\nhello\r\n0\r\n\r\n",
    "extension-nameless": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension-without-value": b"5;a=\r\nhello\r\n0\r\n\r\n",
    "extension-open-quote": b'5;a="b\r\nhello\r\n0\r\n\r\n',
    "extension-looks-like-chunk": b"5;\x7f\r\nhello\r\n0\r\n\r\n",
}

GOOD = {
    "one": b"5\r\nhello\r\n0\r\n\r\n",
    "bytewise": b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n",
    "leading-zero": b"05\r\nhello\r\n0\r\n\r\n",
    "two-last-zeros": b"5\r\nhello\r\n00\r\n\r\n",
    "extension": b"5;a\r\nhello\r\n0\r\n\r\n",
    "extension-value": b"5;a=b;c=d\r\nhello\r\n0\r\n\r\n",
    "extension-quoted": b'5;a="b;c"\r\nhello\r\n0;last\r\n\r\n',
    "trailer": b"5\r\nhello\r\n0\r\nX-Checksum: 1\r\n\r\n",
    "trailers": b"5\r\nhello\r\n0\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n",
}

FORBIDDEN_TRAILERS = (
    b"Host", b"Content-Length", b"Transfer-Encoding", b"Authorization", b"Connection", b"Content-Type", b"TE",
    b"Trailer", b"Cookie", b"content-length", b"Content-Encoding", b"Expect", b"Max-Forwards",
)  # fmt: skip


def with_trailer(name, value=b"1"):
    return b"5\r\nhello\r\n0\r\n" + name + b": " + value + b"\r\n\r\n"
