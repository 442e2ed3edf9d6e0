# csidecar. `make` builds it, `make test` tests it, `make demo` shows it, `make help` lists the rest.

VERSION  := 0.1.0
PACKAGES  = libuv jansson yaml-0.1 zlib libcares libprotobuf-c
PREFIX   ?= /usr/local
WARNINGS  = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wvla -Wformat=2 -Wno-format-nonliteral -Werror
CC       := $(if $(filter default,$(origin CC)),gcc,$(CC))

# MODE=release | asan | tsan | cover | fuzz. Each mode and compiler builds in a folder of its own.
MODE        ?= release
MODE_release = -O2 -g $(HARDENED)
MODE_asan    = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -DARENA_EMULATE $(OPEN) $(CALMER)
MODE_tsan    = -O1 -g -fsanitize=thread $(OPEN) $(CALMER)
MODE_cover   = -O0 -g --coverage $(OPEN)
MODE_fuzz    = -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -DARENA_EMULATE
# What these find out is written to files, where a sandbox would not let them.
OPEN         = -DSANDBOX_DEFAULT='"off"'
# gcc sees truncations and unset variables that are not there once it instruments.
CALMER       = $(if $(findstring clang,$(CC)),,-Wno-format-truncation -Wno-maybe-uninitialized)
# What makes a mistake of ours harder to use; tests/deploy/test_hardening.py looks for it in the binary. Old compilers
# take FORTIFY's third level for an error.
HARDENED     = -fPIE -D_FORTIFY_SOURCE=$(FORTIFY) -fstack-protector-strong -fstack-clash-protection $(BRANCHES_$(MACHINE))
FORTIFY     := $(shell echo '\#include <features.h>' | $(CC) -O2 -D_FORTIFY_SOURCE=3 -Werror -E -x c - >/dev/null 2>&1 && echo 3 || echo 2)
MACHINE     := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine 2>/dev/null)))
BRANCHES_x86_64  = -fcf-protection
BRANCHES_aarch64 = -mbranch-protection=standard
LINK_release = -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,text
# The way of a request is compiled as one piece when the program is linked (a test takes the plain objects).
# Of the rest nothing gains by it but the time a build takes.
ONE_PIECE_release = -O3 -flto -ffat-lto-objects
LINK_ONE_PIECE_release = -O3 -flto=auto
ONE_PIECE    = $(if $(findstring clang,$(CC)),,$(ONE_PIECE_$(MODE)))
LINK_ONE_PIECE = $(if $(findstring clang,$(CC)),,$(LINK_ONE_PIECE_$(MODE)))
HOT          = call connection downstream downstream_% exchange guard policy policy_% pool port_% rewrite rewrite_% route service worker worker_services balancer
COMPILER    := $(if $(findstring clang,$(CC)),-clang,)
O           := build/$(MODE)$(COMPILER)

FLAGS  := -std=gnu11 $(WARNINGS) -I. -I$O/generated $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null) \
          -DCSIDECAR_VERSION='"$(VERSION)"' $(MODE_$(MODE)) $(CFLAGS)
LDLIBS := $(MODE_$(MODE)) $(LINK_$(MODE)) $(LDFLAGS) $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lpthread -lm

# The program takes the small libraries in where the system has archives of them: 400 KiB less memory, and one file that
# needs nothing but libc. `make TAKEN_IN=` for one that shares them.
TAKEN_IN_release = uv jansson yaml z cares protobuf-c
TAKEN_IN    ?= $(TAKEN_IN_$(MODE))
archive_of   = $(firstword $(filter /%,$(foreach name,$1_a $1,$(shell $(CC) -print-file-name=lib$(name).a))))
taken_in     = $(foreach word,$1,$(or $(if $(filter $(addprefix -l,$(TAKEN_IN)),$(word)),$(call archive_of,$(word:-l%=%))),$(word)))

# llhttp is a library from Debian 13 on; Debian 12 has its sources in node-llhttp. Without strict mode
# it takes a bare CR for a line end (CVE-2023-30589: request smuggling).
ifeq ($(shell pkg-config --exists libllhttp && echo yes),yes)
FLAGS  += $(shell pkg-config --cflags libllhttp)
LDLIBS += $(shell pkg-config --libs libllhttp)
else
LLHTTP        ?= /usr/share
FLAGS         += -isystem $(LLHTTP)/include/llhttp -DLLHTTP_STRICT_MODE=1
LLHTTP_OBJECTS = $(addprefix $O/llhttp/,llhttp.o api.o http.o)
endif

# The layers. Each may call those on its right and no other: a test is linked with its own layer
# and those below, so a call upwards does not link.
LIB_core      = core.a
LIB_config    = config.a    $(LIB_core)
LIB_transport = transport.a $(LIB_config)
LIB_health    = health.a    $(LIB_transport)
LIB_discovery = discovery.a $(LIB_health)
LIB_sidecar   = sidecar.a   $(LIB_discovery)
LIB_bench     = $(LIB_transport)
LIB_registries = $(LIB_discovery)
LIB_live      = $(LIB_discovery)
LAYERS        = core config transport health discovery sidecar

HOT_OBJECTS = $O/sidecar/core/%.o $O/transport/%.o $(patsubst %,$O/sidecar/%.o,$(HOT))
objects = $(patsubst %.c,$O/%.o,$(filter-out %/main.c,$(wildcard $1/*.c))) $(patsubst %.proto,$O/generated/%.pb-c.o,$(wildcard $1/*.proto))

.DEFAULT_GOAL := all
.PHONY: all help test unit layers demo bench chaos soak asan fuzz differential format format-check measure install uninstall clean deps show build-tests registry-tests live-tests fuzz-targets has-packages

all: $O/csidecar

help:
	@echo "make            build build/release/csidecar        make MODE=asan|tsan|cover  build it another way"
	@echo "make test       everything that is tested           make unit                  unit tests only"
	@echo "make demo       the main job on the example apps    make bench                 against HAProxy and nginx"
	@echo "make chaos      what can go wrong, a table    make soak                  SOAK_SECONDS=3600 of load and churn"
	@echo "make asan       unit and scenario tests, sanitized  make fuzz                  the fuzz targets, 30 s each"
	@echo "make differential 100,000 generated requests, as two parsers read them"
	@echo "make format     clang-format in place               make format-check          complain instead"
	@echo "make layers     no layer calls upwards              make uninstall"
	@echo "make measure    function and file figures           make install               PREFIX=$(PREFIX) DESTDIR="
	@echo "make deps       install what a build needs (apt)    make clean"

deps:
	@tests/setup build

$O/csidecar: $O/sidecar/main.o $(addprefix $O/,$(LIB_sidecar)) $(LLHTTP_OBJECTS)
	@echo "  LINK  $@"
	@$(CC) -o $@ $^ -Wl,--as-needed $(call taken_in,$(LDLIBS)) $(LINK_ONE_PIECE)

$O/core.a:      $(call objects,sidecar/core)
$O/config.a:    $(call objects,config)
$O/transport.a: $(call objects,transport)
$O/health.a:    $(call objects,health)
$O/discovery.a: $(call objects,discovery)
$O/sidecar.a:   $(call objects,sidecar)

$O/%.a:
	@mkdir -p $(@D) && rm -f $@
	@$(AR) rcs $@ $^

# What is missing is said in one line, not by the compiler.
has-packages:
	@pkg-config --exists $(PACKAGES) && { pkg-config --exists libllhttp || test -f $(LLHTTP)/llhttp/llhttp.c; } || \
	    { echo "A build needs pkg-config, $(PACKAGES) and llhttp: make deps installs them (apt)" >&2; exit 1; }

$O/%.o: %.c | has-packages
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(FLAGS) $(if $(filter $(HOT_OBJECTS),$@),$(ONE_PIECE)) -MMD -MP -c -o $@ $<

# Protocol buffers: x.proto gives x.pb-c.h, for #include "discovery/x.pb-c.h", and its code.
$O/generated/%.pb-c.c $O/generated/%.pb-c.h: %.proto | has-packages
	@mkdir -p $(@D)
	@protoc-c --c_out=$O/generated $<

$O/generated/%.o: $O/generated/%.c
	@echo "  CC    $<"
	@$(CC) $(FLAGS) -w -MMD -MP -c -o $@ $<

$O/discovery/micro_update.o: $O/generated/discovery/micro_update.pb-c.h

$O/llhttp/%.o: $(LLHTTP)/llhttp/%.c | has-packages
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(MODE_$(MODE)) $(CFLAGS) $(ONE_PIECE) -DLLHTTP_STRICT_MODE=1 -isystem $(LLHTTP)/include/llhttp -c -o $@ $<

# The page of the admin port is assembled in.
$O/sidecar/dashboard.o: sidecar/dashboard.html

# Unit tests: tests/<layer>/test_<module>.c with the helpers of tests/lib, and of tests/lib/<layer> of
# its own layer and those below.
TESTS := $(patsubst %.c,$O/%,$(foreach layer,$(LAYERS),$(wildcard tests/$(layer)/test_*.c)))
TEST_LIB := $(patsubst %.c,$O/%.o,$(wildcard tests/lib/*.c))
# tests/lib/fault_heap.c refuses memory when a test asks it to.
FAULT_HEAP = $(foreach name,malloc calloc realloc strdup strndup,-Wl,--wrap=$(name))

.SECONDEXPANSION:
layer_of = $(firstword $(subst /, ,$(patsubst tests/%,%,$1)))
helpers_of = $(patsubst %.c,$O/%.o,$(foreach layer,$(basename $(LIB_$1)),$(wildcard tests/lib/$(layer)/*.c)))
$O/tests/%: $O/tests/%.o $$(call helpers_of,$$(firstword $$(subst /, ,$$*))) $(TEST_LIB) $$(addprefix $O/,$$(LIB_$$(firstword $$(subst /, ,$$*)))) $(LLHTTP_OBJECTS)
	@echo "  LINK  $@"
	@$(CC) -o $@ $^ -lcmocka $(FAULT_HEAP) $(LDLIBS) $(if $(ONE_PIECE),-fno-lto)

build-tests: $(TESTS)

# The conformance suite against the registries' servers: tests/registries/test_conformance_<name>.c.
REGISTRY_TESTS := $(patsubst %.c,$O/%,$(wildcard tests/registries/test_conformance_*.c))
registry-tests: $(REGISTRY_TESTS)

# The same against registries that are somebody's, or too big to be built for each run: tests/live.
LIVE_TESTS := $(patsubst %.c,$O/%,$(filter-out $(if $(KUBERNETES),,%_kubernetes.c),$(wildcard tests/live/test_conformance_*.c)))
live-tests: $(LIVE_TESTS)

# Fuzz targets: tests/fuzz/fuzz_<what>.c, with clang and MODE=fuzz (tests/fuzz/run does it).
FUZZERS := $(patsubst %.c,$O/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_LIB := $(patsubst %.c,$O/%.o,$(wildcard tests/fuzz/lib/*.c) tests/lib/transport/http_record.c)
$(FUZZERS): $O/%: $O/%.o $(FUZZ_LIB) $(addprefix $O/,$(LIB_sidecar)) $(LLHTTP_OBJECTS)
	@echo "  LINK  $@"
	@$(CC) -o $@ $^ -fsanitize=fuzzer $(LDLIBS)

fuzz-targets: $(FUZZERS)

unit: $(TESTS)
	@tests/run_unit $(TESTS)

test:
	@tests/run

demo:
	@tests/setup build
	@$(MAKE) --no-print-directory all
	@tests/demo

bench: all
	@tests/setup bench
	@python3 tests/bench/bench.py $(if $(FULL),full,run)

# CHAOS is for words of drills' names, --small, --into FILE.
chaos: all
	@tests/setup chaos
	@python3 -B tests/chaos/run.py $(CHAOS)

# SOAK="--into docs/reliability.md" keeps the figures.
SOAK_SECONDS ?= 3600
SOAK_RATE    ?= 5000
soak: all
	@tests/setup chaos
	@SOAK_SECONDS=$(SOAK_SECONDS) SOAK_RATE=$(SOAK_RATE) python3 -B tests/chaos/soak.py $(SOAK)

asan:
	@tests/run unit-asan scenario-asan

fuzz:
	@tests/run fuzz

# 100,000 generated requests (COUNT): what goes on means the same to two readers of HTTP, or was refused.
differential: all
	@tests/setup test
	@build/venv/bin/python -B -m tests.differential.run --count $(or $(COUNT),100000)

layers:
	@tests/run layers

# What a variable has become, for scripts: make show VAR=LDLIBS
show:
	@echo '$($(VAR))'

FORMATTED = $(shell git ls-files '*.c' '*.h')
format:
	@clang-format -i $(FORMATTED)
format-check:
	@clang-format --dry-run --Werror $(FORMATTED) && echo "format: ok"

measure:
	@python3 tests/measure.py

SHARE = $(DESTDIR)$(PREFIX)/share
COMPLETION_bash = $(SHARE)/bash-completion/completions/csidecar
COMPLETION_zsh  = $(SHARE)/zsh/site-functions/_csidecar
COMPLETION_fish = $(SHARE)/fish/vendor_completions.d/csidecar.fish

install: all $(addprefix install-,bash zsh fish)
	install -D -m 755 $O/csidecar $(DESTDIR)$(PREFIX)/bin/csidecar
	install -D -m 644 docs/csidecar.1 $(SHARE)/man/man1/csidecar.1

install-%: $O/csidecar
	@mkdir -p $(dir $(COMPLETION_$*))
	$O/csidecar completion $* > $(COMPLETION_$*)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/csidecar $(SHARE)/man/man1/csidecar.1
	rm -f $(COMPLETION_bash) $(COMPLETION_zsh) $(COMPLETION_fish)

clean:
	rm -rf build

.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $O -name '*.d' 2>/dev/null)
