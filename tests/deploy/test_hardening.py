"""What the compiler and the linker put into the binary against mistakes of ours, seen by readelf."""

import pathlib
import platform
import re
import subprocess

import pytest

from deployed import ROOT

MACHINE = platform.machine()
MARKS = {"x86_64": {"endbr64"}, "aarch64": {"bti", "paciasp"}}


@pytest.fixture(scope="module")
def elf(binary):
    def read(*options):
        return subprocess.run(["readelf", "--wide", *options, binary], check=True, text=True, capture_output=True).stdout

    return read


def test_it_is_loaded_anywhere(elf):
    assert re.search(r"Type:\s+DYN", elf("--file-header"))
    assert re.search(r"FLAGS_1.*\bPIE\b", elf("--dynamic"))


def test_no_piece_of_it_is_both_written_and_executed(elf):
    flags = [line.split()[6:-1] for line in elf("--program-headers").splitlines() if re.match(r"\s+(LOAD|GNU_STACK)\s", line)]
    assert len(flags) > 3
    assert not any("W" in "".join(each) and "E" in "".join(each) for each in flags), flags


def test_its_stack_is_not_executed(elf):
    [stack] = re.findall(r"GNU_STACK .*", elf("--program-headers"))
    assert " RW " in stack


def test_what_the_linker_filled_in_is_read_only_from_then_on(elf):
    assert "GNU_RELRO" in elf("--program-headers")
    assert re.search(r"FLAGS\b.*BIND_NOW|FLAGS_1.*\bNOW\b", elf("--dynamic"))


def test_its_code_is_not_written_to_when_it_is_loaded(elf):
    assert "TEXTREL" not in elf("--dynamic")


def test_buffers_on_the_stack_are_guarded_and_copies_are_checked(elf):
    called = set(re.findall(r"UND (\w+)", elf("--dyn-syms")))
    assert "__stack_chk_fail" in called
    assert {"__memcpy_chk", "__snprintf_chk"} <= called


def test_no_place_to_look_for_libraries_is_written_into_it(elf):
    assert not re.search(r"RPATH|RUNPATH", elf("--dynamic"))


@pytest.mark.skipif(MACHINE not in MARKS, reason="nothing of the kind on " + MACHINE)
def test_functions_begin_with_the_mark_that_indirect_calls_land_on(binary):
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", binary], check=True, text=True, capture_output=True).stdout
    beginnings = re.findall(r"^\w+ <registry_\w+>:\n.*\t(\w+)", code, re.M)
    assert len(beginnings) > 10
    assert set(beginnings) <= MARKS[MACHINE], beginnings


GENERIC = pathlib.Path("/usr/include/asm-generic/unistd.h")


@pytest.mark.skipif(not GENERIC.exists(), reason="no kernel headers")
def test_the_list_of_system_calls_compiles_for_arm64():
    """Which has those of the generic table; what only x86-64 has stands in a part of its own."""
    source = (ROOT / "sidecar/sandbox_calls.c").read_text()
    common = re.sub(r"#ifdef __x86_64__\n.*?#endif", "", source, flags=re.S)
    named = set(re.findall(r"\bSYS_(\w+)", common))
    assert {"epoll_pwait", "openat", "clone"} <= named and "epoll_wait" not in named
    assert named - set(re.findall(r"#define __NR_(\w+)", GENERIC.read_text())) == set()
