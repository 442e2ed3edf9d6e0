#!/usr/bin/env python3
"""A fake of Kubernetes' API server, for pods, Services and EndpointSlices, as its documentation has it (kubernetes.io/docs/
reference: using-api/api-concepts, the objects, RBAC; RFC 7396 for patches). No cluster is behind it: nobody runs the pods,
and nobody makes slices of Services. tests/registries/test_kubernetes.py holds it to what the published Python client
expects; tests/live has the same cases for a real one.

    apiserver.py --port N --control N --data FILE [--cert FILE --key FILE] [--bookmarks SECONDS]

Objects outlive a restart, in the file. On the control port, by POST:

    /token?secret=S      {"user": "...", "may": [["get","pods"], ["*","*"]]}, or nothing: there is no such token
    /compact             nobody can watch from before now
    /clear               no objects
    /raw?resource=R&namespace=N&name=X   an object as it is, whatever it is
    /gone?http=1         versions that are too old are answered by HTTP's 410, not by an event
    /cut                 ends all watches
    /stats               what was asked: {"list pods": 3, ...}
"""
import argparse
import base64
import collections
import json
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from store import RESOURCES, Failure, Store, gone, merged  # noqa: E402

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
ENDED = "ended"


class State:
    def __init__(self, options):
        self.store, self.options = Store(), options
        self.tokens = {}
        self.asked = collections.Counter()
        self.http_gone, self.cuts = False, 0


class Question:
    """A request's path and query, taken apart."""

    PATH = re.compile(r"(/api/v1|/apis/[a-z0-9.]+/v1)(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+))?(?:/(status))?")

    def __init__(self, target):
        path, _, query = target.partition("?")
        self.path = path
        self.query = dict(urllib.parse.parse_qsl(query))
        found = self.PATH.fullmatch(urllib.parse.unquote(path).rstrip("/"))
        self.group, self.namespace, self.resource, self.name, self.part = found.groups() if found else [None] * 5
        self.kind = RESOURCES.get(self.group, {}).get(self.resource)

    @property
    def key(self):
        return self.resource, self.namespace, self.name

    def says(self, name):
        """As Go reads a truth."""
        return self.query.get(name) in ("1", "t", "T", "true", "TRUE", "True")

    def selects(self, thing):
        """By labels: a=b, a==b, a!=b, a, !a."""
        labels = (thing.get("metadata") or {}).get("labels") or {}
        return all(self.holds(part, labels) for part in filter(None, self.query.get("labelSelector", "").split(",")))

    @staticmethod
    def holds(part, labels):
        if "!=" in part:
            key, value = part.split("!=")
            return labels.get(key) != value
        if "=" in part:
            key, value = re.split("==?", part)
            return labels.get(key) == value
        return part[1:] not in labels if part[0] == "!" else part in labels

    def number(self, name, otherwise=0):
        text = self.query.get(name, "")
        if not text:
            return otherwise
        if not text.isdigit():
            raise Failure(400, "BadRequest", "invalid %s: %s" % (name, text))
        return int(text)


def check(thing, question):
    """What a client may not write."""
    meta = thing.get("metadata") or {}
    name = meta.get("name", "")
    if not NAME.fullmatch(name):
        raise Failure(422, "Invalid", '%s "%s" is invalid: metadata.name' % (question.kind, name))
    for key, value in (meta.get("labels") or {}).items():
        if not LABEL.fullmatch(value) or len(value) > 63 or not LABEL.fullmatch(key.split("/")[-1]) or len(key.split("/")[-1]) > 63:
            raise Failure(422, "Invalid", "metadata.labels: Invalid value: %s=%s" % (key, value))
    for key, value in (meta.get("annotations") or {}).items():
        if not isinstance(value, str) or len(key.split("/")[-1]) > 63 or not LABEL.fullmatch(key.split("/")[-1]):
            raise Failure(422, "Invalid", "metadata.annotations: Invalid value: %s" % key)
    if sum(len(k) + len(v) for k, v in (meta.get("annotations") or {}).items()) > 256 * 1024:
        raise Failure(422, "Invalid", "metadata.annotations: Too long: must have at most 262144 bytes")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    # ---- answers ----

    def answer(self, code, body):
        text = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def chunk(self, line):
        text = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))

    def say(self, kind, thing, question):
        group = question.group.removeprefix("/apis/").removeprefix("/api/")
        self.chunk({"type": kind, "object": {"kind": question.kind, "apiVersion": group, **thing} if isinstance(thing, dict) else thing})

    # ---- who may ----

    def user(self):
        tokens = self.server.state.tokens
        scheme, _, secret = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or secret not in tokens:
            raise Failure(401, "Unauthorized", "Unauthorized")
        return tokens[secret]

    def allow(self, verb, question):
        user = self.user()
        if not any(v in (verb, "*") and r in (question.resource, "*") for v, r in user["may"]):
            raise Failure(403, "Forbidden", '%s is forbidden: User "%s" cannot %s resource "%s" in API group "" in the namespace "%s"'
                          % (question.resource, user["user"], verb, question.resource, question.namespace))
        self.server.state.asked["%s %s" % (verb, question.resource)] += 1

    # ---- methods ----

    def handle_one(self, method):
        try:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            question = Question(self.path)
            if question.path == "/version":
                return self.answer(200, {"major": "1", "minor": "34", "gitVersion": "v1.34.0-fake"})
            if not question.kind:
                raise Failure(404, "NotFound", "the server could not find the requested resource")
            method(question, body)
        except Failure as e:
            self.answer(e.code, e.status)
        except (ValueError, TypeError, AttributeError, KeyError) as e:
            self.answer(400, Failure(400, "BadRequest", "%s: %s" % (type(e).__name__, e)).status)
        except OSError:
            self.close_connection = True

    def do_GET(self):
        self.handle_one(self.get)

    def do_POST(self):
        self.handle_one(self.post)

    def do_PATCH(self):
        self.handle_one(self.patch)

    def do_PUT(self):
        self.handle_one(self.put)

    def do_DELETE(self):
        self.handle_one(self.delete)

    def get(self, question, _):
        if question.name:
            self.allow("get", question)
            with self.store.changed:
                return self.answer(200, self.whole(self.store.get(question.key), question))
        if question.says("watch"):
            self.allow("watch", question)
            return self.watch(question)
        self.allow("list", question)
        return self.list(question)

    @property
    def store(self):
        return self.server.state.store

    def whole(self, thing, question):
        group = question.group.removeprefix("/apis/").removeprefix("/api/")
        return {"kind": question.kind, "apiVersion": group, **thing}

    def post(self, question, body):
        self.allow("create", question)
        thing = json.loads(body)
        check(thing, question)
        with self.store.changed:
            made = self.store.create((question.resource, question.namespace, thing["metadata"]["name"]), thing)
            self.answer(201, self.whole(made, question))

    def patch(self, question, body):
        self.allow("patch", question)
        if self.headers.get("Content-Type", "").split(";")[0] not in PATCHES:
            raise Failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format")
        change = json.loads(body)

        def apply(thing):
            if "resourceVersion" not in (change.get("metadata") or {}):
                thing["metadata"].pop("resourceVersion", None)
            thing = merged(thing, change)
            check(thing, question)
            return thing

        with self.store.changed:
            self.answer(200, self.whole(self.store.change(question.key, apply), question))

    def put(self, question, body):
        self.allow("update", question)
        thing = json.loads(body)
        check(thing, question)
        with self.store.changed:
            self.answer(200, self.whole(self.store.change(question.key, lambda _: thing), question))

    def delete(self, question, _):
        self.allow("delete" if question.name else "deletecollection", question)
        with self.store.changed:
            if question.name:
                return self.answer(200, self.whole(self.store.delete(question.key), question))
            for thing in [o for o in self.store.all(question.resource, question.namespace) if question.selects(o)]:
                self.store.delete((question.resource, question.namespace, thing["metadata"]["name"]))
        self.answer(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})

    # ---- lists ----

    def list(self, question):
        limit, token = question.number("limit"), question.query.get("continue")
        with self.store.changed:
            version, start = json.loads(base64.b64decode(token)) if token else (self.store.version, 0)
            if token and version < self.store.oldest:
                raise Failure(410, "Expired", "The provided continue parameter is too old")
            things = [o for o in self.store.all(question.resource, question.namespace) if question.selects(o)]
        page = things[start:start + limit] if limit else things[start:]
        meta = {"resourceVersion": str(version)}
        if start + len(page) < len(things):
            meta["continue"] = base64.b64encode(json.dumps([version, start + len(page)]).encode()).decode()
            meta["remainingItemCount"] = len(things) - start - len(page)
        group = question.group.removeprefix("/apis/").removeprefix("/api/")
        self.answer(200, {"kind": question.kind + "List", "apiVersion": group, "metadata": meta, "items": page})

    # ---- watches ----

    def watch(self, question):
        """From the version on, in the order of changes; without one, all there is first."""
        state = self.server.state
        version = question.number("resourceVersion")
        end = time.monotonic() + question.number("timeoutSeconds", 1800)
        with self.store.changed:
            too_old = version and version < self.store.oldest
            first = [] if version else [o for o in self.store.all(question.resource, question.namespace) if question.selects(o)]
            version = version or self.store.version
            oldest, cuts = self.store.oldest, state.cuts
        if too_old and state.http_gone:
            raise gone(version, oldest)
        self.begin()
        if too_old:
            self.chunk({"type": "ERROR", "object": gone(version, oldest).status})
        else:
            for thing in first:
                self.say("ADDED", thing, question)
            self.follow(question, version, end, cuts)
        self.wfile.write(b"0\r\n\r\n")

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def follow(self, question, version, end, cuts):
        state, bookmark = self.server.state, time.monotonic()
        while time.monotonic() < end and state.cuts == cuts:
            with self.store.changed:
                changes = self.store.since(version, question.resource, question.namespace)
                if not changes:
                    self.store.changed.wait(min(0.5, max(0.01, end - time.monotonic())))
                    changes = self.store.since(version, question.resource, question.namespace)
                newest = self.store.version
            for change in changes:
                self.tell(question, change)
                version = change.version
            if question.says("allowWatchBookmarks") and time.monotonic() > bookmark + state.options.bookmarks:
                bookmark = time.monotonic()
                version = max(version, newest) if not changes else version
                self.say("BOOKMARK", {"metadata": {"resourceVersion": str(version), "creationTimestamp": None}}, question)

    def tell(self, question, change):
        was = change.before is not None and question.selects(change.before)
        is_ = change.after is not None and question.selects(change.after)
        if is_:
            self.say("MODIFIED" if was else "ADDED", change.after, question)
        elif was:
            last = dict(change.before, metadata=dict(change.before["metadata"], resourceVersion=str(change.version)))
            self.say("DELETED", last, question)


class Control(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):
        path, _, query = self.path.partition("?")
        values = dict(urllib.parse.parse_qsl(query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            code, text = 200, json.dumps(getattr(self, path.strip("/"))(values, json.loads(body) if body else None))
        except Exception as e:  # noqa: BLE001 (the test decides)
            code, text = 500, "%s: %s" % (type(e).__name__, e)
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    @property
    def state(self):
        return self.server.state

    def token(self, values, user):
        self.state.tokens.pop(values["secret"], None)
        if user:
            self.state.tokens[values["secret"]] = user

    def compact(self, *_):
        with self.state.store.changed:
            self.state.store.compact()

    def clear(self, *_):
        store = self.state.store
        with store.changed:
            for key in list(store.objects):
                store.delete(key)

    def raw(self, values, thing):
        store, key = self.state.store, (values["resource"], values["namespace"], values["name"])
        with store.changed:
            if isinstance(thing, dict) and isinstance(thing.setdefault("metadata", {}), dict):
                thing["metadata"].setdefault("name", values["name"])
                store.commit(key, thing)

    def gone(self, values, _):
        self.state.http_gone = values["http"] == "1"

    def cut(self, *_):
        with self.state.store.changed:
            self.state.cuts += 1
            self.state.store.changed.notify_all()

    def stats(self, *_):
        return self.state.asked


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port, handler, state):
        self.state = state
        super().__init__(("127.0.0.1", port), handler)

    def handle_error(self, *_):
        """Clients come and go."""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--bookmarks", type=float, default=1)
    options = parser.parse_args()
    state = State(options)
    if options.data.exists():
        state.store.load(options.data)
    server = Server(options.port, Handler, state)
    if options.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.cert, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=Server(options.control, Control, state).serve_forever, daemon=True).start()

    def end(*_):
        state.store.save(options.data)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    server.serve_forever()


if __name__ == "__main__":
    main()
