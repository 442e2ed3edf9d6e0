"""systemd takes the unit, and finds little that it exposes."""

import re
import subprocess

import pytest

from deployed import ROOT

UNIT = ROOT / "deploy/systemd/csidecar@.service"
INSTALLED = "/usr/local/bin/csidecar"


@pytest.fixture
def unit(tmp_path, binary):
    """The unit as an instance, with the binary where it was built."""
    text = UNIT.read_text()
    assert INSTALLED in text
    path = tmp_path / "csidecar@orders.service"
    path.write_text(text.replace(INSTALLED, binary))
    return path


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", *arguments], text=True, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def test_systemd_has_nothing_to_say_of_it(unit):
    assert analyze("verify", "--man=no", unit) == (0, "")


def test_systemd_would_have_something_to_say_of_a_slip(unit):
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    assert "ProtectHouse" in analyze("verify", "--man=no", unit)[1]


def test_it_exposes_little(unit):
    _, report = analyze("security", "--offline=yes", unit)
    level = re.search(r"Overall exposure level[^:]*: ([\d.]+)", report)
    assert float(level[1]) <= 1.6, report


def test_it_may_give_up_more_by_itself(unit):
    """The filter of the unit lets it: it would say "unavailable" otherwise."""
    allowed = {word for line in re.findall(r"^SystemCallFilter=([^~\n]*)$", unit.read_text(), re.M) for word in line.split()}
    assert {"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"} <= allowed


def test_it_stops_later_than_the_drain_ends(unit):
    seconds = int(re.search(r"TimeoutStopSec=(\d+)s", unit.read_text())[1])
    settle, finish = 2, 6  # the defaults
    assert seconds > settle + finish
