"""What a page in the user's browser may try against a loopback endpoint (docs/security.md)."""

from .case import ACCEPT, REFUSE, Request, get, post

RULE = "docs/security.md: a web page must not drive the local endpoint"


def refuse(name, raw, status=(403,)):
    return Request("browser-" + name, raw, REFUSE, RULE, status=status, closes=False)


CASES = [
    refuse("foreign-origin-get", get(b"Origin: https://evil.example")),
    refuse("foreign-origin-post", post(b"Origin: https://evil.example", b"Content-Type: text/plain", b"Content-Length: 5", body=b"hello")),
    refuse("foreign-origin-null", get(b"Origin: null")),
    refuse("foreign-origin-loopback-port", get(b"Origin: http://localhost:3000")),
    refuse("fetch-site-cross-site", get(b"Sec-Fetch-Site: cross-site", b"Sec-Fetch-Mode: no-cors")),
    refuse("fetch-site-same-site", get(b"Sec-Fetch-Site: same-site", b"Sec-Fetch-Mode: no-cors")),
    refuse("fetch-site-cross-site-post", post(b"Sec-Fetch-Site: cross-site", b"Content-Length: 5", body=b"hello")),
    refuse("rebinding-host", get(host=b"Host: rebind.evil.example"), (421,)),
    refuse("rebinding-host-port", get(host=b"Host: evil.example:8081"), (421,)),
    refuse("rebinding-looks-local", get(host=b"Host: localhost.evil.example"), (421,)),
    refuse("rebinding-address", get(host=b"Host: 10.0.0.1:8081"), (421,)),
    refuse("rebinding-despite-service-field", get(b"csidecar-service: svc", host=b"Host: evil.example"), (421,)),
    refuse(
        "private-network-preflight",
        get(
            b"Origin: https://evil.example", b"Access-Control-Request-Method: POST", b"Access-Control-Request-Private-Network: true",
            method=b"OPTIONS",
        ),
    ),
    Request("browser-service-field-waives-origin", get(b"Origin: https://app.example", b"csidecar-service: svc", target=b"/x"), ACCEPT, RULE),
    Request("browser-same-origin", get(b"Sec-Fetch-Site: same-origin"), ACCEPT, RULE),
    Request("browser-none", get(b"Sec-Fetch-Site: none"), ACCEPT, RULE),
    Request("browser-no-fields", get(), ACCEPT, RULE),
]  # fmt: skip
