"""The commands: through a running sidecar, and on a registry itself."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from .cli import ask, clean_environment, csidecar, refused, told
from .lib import ROOT, binary, eventually, free_port, ok, refusing

LOCAL = {"registry": {"url": "local"}}
COMMANDS = ["run", "check", "services", "get", "call", "watch", "health", "stats", "explain", "register", "deregister",
            "wait", "drain", "completion", "version", "help"]


def table(text):
    """Rows as {head: cell}; cells are two spaces apart at least."""
    heads, *rows = [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]
    assert all(len(row) == len(heads) for row in rows), text
    return [dict(zip(heads, row)) for row in rows]


@pytest.fixture
def lone(sidecar):
    return sidecar(users=["127.0.0.1:5001", "127.0.0.1:5002"], orders="127.0.0.1:5003")


# ---- what is known ----


def test_services_as_a_table_and_as_json(lone):
    rows = table(told(ask(lone, "services")))
    assert [(r["SERVICE"], r["INSTANCES"], r["ADDRESSES"]) for r in rows] == [
        ("orders", "1", "127.0.0.1:5003"), ("users", "2", "127.0.0.1:5001, 127.0.0.1:5002")]
    assert {s["name"] for s in json.loads(told(ask(lone, "services", "--json")))["services"]} == {"orders", "users"}


def test_many_addresses_are_not_all_written_out(sidecar):
    s = sidecar(users=["127.0.0.1:%d" % port for port in range(5001, 5008)])
    assert "127.0.0.1:5004, and 3 more" in told(ask(s, "services"))


def test_no_services_is_no_empty_table(sidecar):
    assert told(ask(sidecar(settings=LOCAL), "services")) == "no services are registered\n"


def test_get_tells_of_each_instance(sidecar):
    s = sidecar(users={"instances": [{"address": "127.0.0.1:5001", "weight": 3, "metadata": {"zone": "eu"}}]})
    [row] = table(told(ask(s, "get", "users")))
    assert (row["ADDRESS"], row["WEIGHT"], row["STATE"], row["METADATA"]) == ("127.0.0.1:5001", "3", "up", "zone=eu")


def test_get_of_nobody_says_no(lone):
    refused(ask(lone, "get", "nobody"), 1, "no registry knows a service nobody")
    done = ask(lone, "get", "nobody", "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["instances"] == []


def test_what_a_registry_says_does_not_drive_the_terminal(sidecar):
    s = sidecar(users={"instances": [{"address": "127.0.0.1:5001", "metadata": {"a": "\x1b[2Jx\nb"}}]})
    out = told(ask(s, "get", "users"))
    assert "\x1b" not in out and "a=?[2Jx?b" in out


def test_a_registry_is_asked_without_a_sidecar(sidecar, upstream):
    s = sidecar(settings={"name": "web", "app": {"port": upstream().port}, **LOCAL})
    told(ask(s, "wait"))
    environment = s.environment
    [row] = table(told(csidecar("services", "--registry", "local", environment=environment)))
    assert (row["SERVICE"], row["REGISTRY"]) == ("web", "local")
    assert told(csidecar("get", "web", "--registry", "local", environment=environment))
    assert told(csidecar("call", "web", "/", "--registry=local", environment=environment)) == "ok"
    refused(csidecar("get", "nobody", "--registry", "local", environment=environment), 1, "no registry knows")


def test_an_unknown_registry_is_refused_with_the_nearest():
    refused(csidecar("services", "--registry", "locl"), 2, "local")


# ---- call ----


def test_call_prints_the_answer(sidecar, upstream):
    u = upstream(ok("hello"))
    s = sidecar(users=u)
    assert told(ask(s, "call", "users", "/a%20b?x=1&y=/")) == "hello"
    assert (u.last.method, u.last.target) == ("GET", "/a%20b?x=1&y=/")


def test_call_sends_a_body_and_headers(sidecar, upstream, tmp_path):
    u = upstream()
    s = sidecar(users=u)
    told(ask(s, "call", "users", "/", "-d", "abc", "-H", "X-One: 1", "--header=X-Two: 2"))
    assert (u.last.method, u.last.body, u.last["x-one"], u.last["x-two"]) == ("POST", b"abc", "1", "2")
    (tmp_path / "body").write_text("from a file")
    told(ask(s, "call", "users", "PUT", "/", "--data", "@%s" % (tmp_path / "body")))
    assert (u.last.method, u.last.body) == ("PUT", b"from a file")
    told(ask(s, "call", "users", "PATCH", "/", "-d", "@-", stdin="piped"))
    assert u.last.body == b"piped"


def test_call_shows_the_head_where_asked(sidecar, upstream):
    out = told(ask(sidecar(users=upstream(ok("x", "X-Mine: yes"))), "call", "users", "/", "-i"))
    assert out.startswith("HTTP/1.1 200 OK\n") and "X-Mine: yes\n" in out and out.endswith("\n\nx")


def test_call_ends_with_1_when_it_failed(sidecar, upstream):
    s = sidecar(users=upstream(ok("not here", status="404 Not Found")), gone=refusing())
    done = ask(s, "call", "users", "/")
    assert (done.returncode, done.stdout) == (1, "not here")
    done = ask(s, "call", "gone", "/")
    assert done.returncode == 1 and "502 connect_failed" in done.stderr and "csidecar explain gone" in done.stderr


@pytest.mark.parametrize("words, says", [(["users", "path"], "must begin with /"), (["users", "/", "-H", "nocolon"], "-H must be"),
                                         (["users", "/", "-H", "A: b\r\nC: d"], "-H must be"), (["_x", "/"], "can't be"),
                                         (["users", "G T", "/"], "one request"), (["users"], "usage: csidecar call")])
def test_a_call_that_would_be_none_is_refused(lone, words, says):
    refused(ask(lone, "call", *words), 2, says)


# ---- how it does ----


def test_health_says_why_it_is_not_ready(sidecar):
    s = sidecar(settings={"name": "web", "app": {"port": free_port()}, **LOCAL})
    done = ask(s, "health")
    assert done.returncode == 1 and "web: not ready: app web is waiting" in done.stdout
    assert json.loads(ask(s, "health", "--json").stdout)["ready"] is False


def test_stats_count_calls(sidecar, upstream):
    s = sidecar(users=upstream())
    told(ask(s, "call", "users", "/"))
    [row] = table(told(ask(s, "stats")).split("\n\n", 1)[1])
    assert (row["SERVICE"], row["REQUESTS"], row["2XX"], row["5XX"]) == ("users", "1", "1", "0")


def test_explain_in_words(lone):
    out = told(ask(lone, "explain", "users"))
    assert out.startswith("users: a call would go to one of 2 instances")
    assert json.loads(told(ask(lone, "explain", "users", "--json")))["service"] == "users"


def test_wait_waits_for_the_app(sidecar, upstream):
    port = free_port()
    s = sidecar(settings={"name": "web", "app": {"port": port}, **LOCAL})
    refused(ask(s, "wait", "--timeout", "200ms"), 1, "not ready: app web is waiting")
    waiting = subprocess.Popen([binary(), "wait"], env=s.environment | {"CSIDECAR_ADMIN_URL": "127.0.0.1:%d" % s.admin_port})
    app = subprocess.Popen(["python3", "-m", "http.server", "--bind", "127.0.0.1", str(port)], stderr=subprocess.DEVNULL)
    try:
        assert waiting.wait(15) == 0
    finally:
        app.terminate()
        app.wait()


def test_wait_waits_for_the_sidecar_itself():
    refused(csidecar("wait", "--timeout", "150ms", "--admin", "127.0.0.1:%d" % free_port()), 1, "not ready: no sidecar answers")


def test_drain_ends_it(sidecar):
    s = sidecar()
    assert told(ask(s, "drain", "--wait")) == ""
    assert s.process.wait(5) == 0


# ---- watch ----


@contextlib.contextmanager
def watching(s, *words):
    environment = s.environment | {"CSIDECAR_ADMIN_URL": "http://127.0.0.1:%d" % s.admin_port}
    process = subprocess.Popen([binary(), "watch", *words], env=environment, text=True, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(5)


@pytest.mark.parametrize("words", [["--json"], ["extra", "--json"], ["--json", "--registry", "local"],
                                   ["extra", "--json", "--registry", "local"]], ids=" ".join)
def test_watch_tells_of_what_comes_and_goes(sidecar, words):
    s = sidecar(settings=LOCAL)
    with watching(s, *words) as process:
        lines = (json.loads(line) for line in process.stdout)
        told(ask(s, "register", "extra", "127.0.0.1:7", "--id", "e"))
        assert next(line for line in lines if line["instances"])["instances"][0]["id"] == "e"
        told(ask(s, "deregister", "extra", "e"))
        assert next(line for line in lines if not line["instances"])["name"] == "extra"


def test_watch_in_words(lone):
    with watching(lone, "orders") as process:
        assert re.fullmatch(r"\d\d:\d\d:\d\d  orders  1 instance: 127.0.0.1:5003\n", process.stdout.readline())


def test_watch_ends_with_its_sidecar(sidecar):
    s = sidecar(settings=LOCAL)
    with watching(s, "--json") as process:
        told(ask(s, "register", "extra", "127.0.0.1:7"))
        process.stdout.readline()
        s.process.terminate()
        process.wait(10)


def test_watch_ends_with_whoever_reads_it(sidecar):
    s = sidecar(settings=LOCAL)
    environment = s.environment | {"CSIDECAR_ADMIN_URL": "http://127.0.0.1:%d" % s.admin_port}
    process = subprocess.Popen([binary(), "watch"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told(ask(s, "register", "one", "127.0.0.1:7"))
    process.stdout.readline()
    process.stdout.close()
    told(ask(s, "register", "two", "127.0.0.1:7"))
    process.wait(5)


# ---- records ----


def test_registers_through_the_sidecar(sidecar):
    s = sidecar(settings=LOCAL)
    id_ = told(ask(s, "register", "extra", "127.0.0.1:7", "--metadata", "zone=eu", "--metadata", "a=b=c", "--version", "2",
                   "--weight", "5")).strip()
    [i] = json.loads(told(ask(s, "get", "extra", "--json")))["instances"]
    assert (i["id"], i["version"], i["weight"], i["metadata"]) == (id_, "2", 5, {"zone": "eu", "a": "b=c"})
    assert told(ask(s, "deregister", "extra", id_)) == ""
    refused(ask(s, "deregister", "extra", id_), 1, "no record of this id")


def test_registers_by_itself_until_interrupted(sidecar):
    s = sidecar(settings=LOCAL)
    process = subprocess.Popen([binary(), "register", "extra", "127.0.0.1:7", "--registry", "local", "--id", "mine"],
                               env=s.environment, text=True, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "mine\n"
    assert "mine" in told(ask(s, "get", "extra"))
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 0
    eventually(lambda: ask(s, "get", "extra").returncode == 1, "it to go")


@pytest.mark.parametrize("words, code, says", [
    (["extra", "nohost"], 1, "address"), (["_x", "127.0.0.1:1"], 2, "can't be"), (["extra"], 2, "usage: csidecar register"),
    (["extra", "127.0.0.1:1", "--metadata", "novalue"], 2, "KEY=VALUE"), (["extra", "127.0.0.1:1", "--weight", "0"], 2, "1 to 65535")])
def test_a_record_that_is_wrong_is_refused(sidecar, words, code, says):
    refused(ask(sidecar(settings=LOCAL), "register", *words), code, says)


# ---- finding the sidecar ----


def test_says_what_to_do_when_no_sidecar_answers():
    admin = "127.0.0.1:%d" % free_port()
    refused(csidecar("services", "--admin", admin), 125, "no sidecar answers on %s; is it running?" % admin)


def test_another_server_is_not_taken_for_one(upstream):
    refused(csidecar("services", "--admin", upstream().address), 125, "no sidecar answers")


def test_finds_it_by_the_settings_and_takes_their_token(sidecar):
    s = sidecar(settings={"admin": {"token": "hush"}}, users="127.0.0.1:5001")
    assert "users" in told(csidecar("services", "-c", str(s.config), environment=s.environment))
    assert "users" in told(csidecar("services", cwd=s.folder, environment=s.environment))
    admin = "127.0.0.1:%d" % s.admin_port
    refused(csidecar("services", "--admin", admin), 1, "--token")
    assert "users" in told(csidecar("services", "--admin", admin, "--token", "hush"))
    assert "users" in told(csidecar("services", "--admin", admin, environment=clean_environment(CSIDECAR_ADMIN_TOKEN="hush")))


def test_finds_it_on_a_unix_socket(sidecar, tmp_path):
    s = sidecar(settings={"admin": {"listen": "unix:%s" % (tmp_path / "admin")}}, users="127.0.0.1:5001")
    assert "users" in told(csidecar("services", "--admin", "unix:%s" % (tmp_path / "admin"), environment=s.environment))


# ---- the line itself ----


@pytest.mark.parametrize("words, says", [
    (["serices"], 'no such command: serices (did you mean "services"?)'), (["zzzzzz"], "`csidecar help` lists"),
    (["services", "--jsn"], '(did you mean "--json"?)'), (["services", "extra"], "one word too many"),
    (["get"], "usage: csidecar get NAME [options]"), (["services", "--json=1"], "takes no value"), (["get", "x", "--admin"], "needs a value"),
    (["wait", "--timeout", "5"], "must be a duration"), (["completion", "csh"], "bash, zsh and fish"),
    (["help", "servics"], '(did you mean "services"?)'), (["run", "python3"], "csidecar run -- python3"),
    (["--name", "x", "services"], "comes first")])
def test_a_wrong_line_is_refused_with_what_would_be_right(words, says):
    refused(csidecar(*words), 2, says)


@pytest.mark.parametrize("words", [["--app-prt", "1"], ["run", "--app-port", "x"], ["run", "-c", "/nowhere.yaml"]], ids=str)
def test_settings_that_run_cannot_take_are_a_failure_of_its_own(words):
    refused(csidecar(*words), 125, words[1 if words[0] == "run" else 0].split("=")[0] if "-c" not in words else "/nowhere.yaml")


def test_help_names_every_command():
    out = told(csidecar("help"))
    assert out == told(csidecar("--help")) == told(csidecar("-h"))
    assert [c for c in COMMANDS if not re.search(r"^  %s " % c, out, re.M)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    out = told(csidecar("help", command))
    assert out == told(csidecar(command, "--help")) == told(csidecar(command, "-h"))
    assert out.startswith("usage: csidecar " + command)


def test_help_on_settings_and_exit_codes():
    assert "CSIDECAR_PROXY_WORKERS" in told(csidecar("help", "settings"))
    assert "125" in told(csidecar("help", "exit-codes"))


def test_version():
    assert re.fullmatch(r"csidecar \d+\.\d+\.\d+\n", told(csidecar("version")))
    assert told(csidecar("--version")) == told(csidecar("version"))


def test_output_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "help"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (125, "csidecar: could not write the output\n")


# ---- completion, man page, install ----


def complete(words, tmp_path):
    """What bash offers after these words."""
    script = tmp_path / "completion"
    script.write_text(told(csidecar("completion", "bash")))
    line = "source %s; COMP_WORDS=(csidecar %s); COMP_CWORD=%d; _csidecar; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (
        script, " ".join("'%s'" % w for w in words), len(words))
    path = "%s:%s" % (pathlib.Path(binary()).parent, os.environ["PATH"])
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=clean_environment(PATH=path))
    assert done.stderr == "", done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("words, offered", [
    ([""], COMMANDS), (["st"], ["stats"]), (["get", "--j"], ["--json"]), (["--app-p"], ["--app-port"]),
    (["run", "--proxy-w"], ["--proxy-workers"]), (["completion", ""], ["bash", "zsh", "fish"]), (["help", "exi"], ["exit-codes"])], ids=str)
def test_bash_completes(words, offered, tmp_path):
    assert complete(words, tmp_path) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_can_read_its_completion(shell, tmp_path):
    script = tmp_path / "completion"
    script.write_text(told(csidecar("completion", shell)))
    assert told(subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)) == ""


def test_the_man_page_is_right_and_names_every_command():
    page = ROOT / "docs/csidecar.1"
    text = page.read_text()
    assert [c for c in COMMANDS if not re.search(r"\b%s\b" % c, text)] == []
    assert told(subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True)) == ""


def test_installs_and_uninstalls(tmp_path):
    make = ["make", "-s", "-C", ROOT, "DESTDIR=%s" % tmp_path, "PREFIX=/usr"]
    told(subprocess.run([*make, "install"], capture_output=True, text=True))
    installed = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert installed == {"usr/bin/csidecar", "usr/share/man/man1/csidecar.1",
                         "usr/share/bash-completion/completions/csidecar", "usr/share/zsh/site-functions/_csidecar",
                         "usr/share/fish/vendor_completions.d/csidecar.fish"}
    assert told(subprocess.run([tmp_path / "usr/bin/csidecar", "version"], capture_output=True, text=True))
    told(subprocess.run([*make, "uninstall"], capture_output=True, text=True))
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]
