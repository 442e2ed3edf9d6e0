"""The command line, as its users have it."""

import os
import subprocess

from .lib import binary

LIMIT_S = 20


def clean_environment(**more):
    return {k: v for k, v in os.environ.items() if not k.startswith("CSIDECAR_")} | more


def csidecar(*words, environment=None, cwd="/", stdin=None):
    """Runs it to its end."""
    return subprocess.run([binary(), *words], capture_output=True, text=True, timeout=LIMIT_S, cwd=cwd,
                          input=stdin, env=clean_environment() if environment is None else environment)


def ask(sidecar, *words, **more):
    """A command that asks this sidecar."""
    environment = sidecar.environment | {"CSIDECAR_ADMIN_URL": "http://127.0.0.1:%d" % sidecar.admin_port}
    return csidecar(*words, environment=environment, **more)


def told(done):
    """Its output, when it went well."""
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def refused(done, code, text):
    assert (done.returncode, done.stdout) == (code, ""), (done.returncode, done.stdout, done.stderr)
    assert text in done.stderr, done.stderr
