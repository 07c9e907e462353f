# presence: build, test, demo. `make help` lists the targets.

VERSION := 0.2.0
comma := ,
BUILD ?= build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
PREFIX ?= /usr/local
DESTDIR ?=
MANDIR ?= $(PREFIX)/share/man
PROGRAMS := presence-ws presence-api presence-expiryd presence-ctl presence-sim

CC ?= cc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter $(if $(WERROR),-Werror)
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PACKAGES := libuv libwebsockets hiredis $(MSGPACK) jansson libjwt libssl libcrypto libcurl libmicrohttpd lua5.1
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DPRESENCE_VERSION='"$(VERSION)"' -Ilib -I$(BUILD)/gen $(WARN) $(HARDEN) $(SANFLAGS) $(CFLAGS) $(PKG_CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)
pkg_libs = $(shell pkg-config --libs $(1))

# The layers, lowest first; a layer is an archive, and links only with those below it.
LAYERS := base presence wire auth net redis store http relay fanout
below_base := base
below_presence := presence base
below_wire := wire presence base
below_auth := auth presence base
below_net := net base
below_redis := redis net base
below_store := store redis net wire presence base
below_http := http net auth wire presence base
below_relay := relay http net auth wire presence base
below_fanout := fanout relay http store redis net auth wire presence base
libs_base :=
libs_presence := $(libs_base)
libs_wire := $(call pkg_libs,$(MSGPACK) jansson)
libs_auth := $(call pkg_libs,libjwt libcrypto jansson)
libs_net := $(call pkg_libs,libuv)
libs_redis := $(call pkg_libs,libuv hiredis libssl libcrypto)
libs_store := $(libs_redis) $(call pkg_libs,$(MSGPACK) jansson libcrypto)
libs_http := $(libs_net) $(libs_auth) $(libs_wire) $(call pkg_libs,libcurl)
libs_relay := $(libs_http)
libs_fanout := $(call pkg_libs,libuv libwebsockets hiredis $(MSGPACK) jansson libjwt libssl libcrypto libcurl)
libs_presence-ws := $(libs_fanout)
libs_presence-api := $(libs_fanout) $(call pkg_libs,libmicrohttpd)
libs_presence-expiryd := $(libs_fanout)
libs_presence-ctl := $(libs_fanout)
libs_presence-sim := $(libs_fanout)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

archives = $(foreach l,$(below_$(1)),$(BUILD)/lib/lib$(l).a)
program_archive = $(BUILD)/lib/lib$(1).a
# What several unit tests use. It stands before all archives: a test takes only the members that it calls, and links with
# nothing but the layers that these need.
TEST_SUPPORT := $(BUILD)/lib/libtest_support.a
# The same of the fan-out alone: it has writers in place of lib/wire's, which tests of lib/wire must not take.
TEST_FANOUT := $(BUILD)/lib/libtest_fanout.a
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
SCRIPTS := $(filter-out lib/store/scripts/prelude.lua,$(wildcard lib/store/scripts/*.lua))
PAGES := $(wildcard cmd/presence-api/*.html)
TABLES := $(shell grep -lsE '\.env = "|^ *SETTING_[A-Z]+."' lib/*/*.c cmd/*/*.c)

.PHONY: all deps deps-demo deps-check deps-bench deps-fuzz deps-man demo check check-debian13 check-valkey check-all check-unit check-e2e check-san check-hunt check-valgrind check-faults check-hostile check-planted soak bench fuzz fuzz-run lint hooks format compdb completions man install install-man \
    uninstall install-systemd uninstall-systemd dist clean help
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

#: Build
all: $(PROGRAMS:%=$(BUILD)/bin/%) ## build the five programs into build/bin/

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

# What says the version, which stands in this file.
$(patsubst %.c,$(BUILD)/obj/%.o,$(shell grep -ls PRESENCE_VERSION lib/*/*.c cmd/*/*.c tests/unit/*/*.c) $(wildcard cmd/*/counters.c)): Makefile

$(BUILD)/obj/gen/%.o: $(BUILD)/gen/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

# The Lua scripts, each behind the shared prelude, as C constants.
$(BUILD)/gen/scripts.c: $(SCRIPTS) lib/store/scripts/prelude.lua tests/tools/embed.sh
	@mkdir -p $(@D)
	$(Q)tests/tools/embed.sh $(foreach s,$(SCRIPTS),script_$(basename $(notdir $(s)))=lib/store/scripts/prelude.lua+$(s)) > $@

$(BUILD)/gen/page.c: $(PAGES) tests/tools/embed.sh
	@mkdir -p $(@D)
	$(Q)tests/tools/embed.sh $(foreach p,$(PAGES),page_$(basename $(notdir $(p)))=$(p)) > $@

# Each program knows the names of all programs' settings, to tell a misspelt one from another's.
$(BUILD)/gen/names.c: $(TABLES) tests/tools/names.sh
	@mkdir -p $(@D)
	$(Q)tests/tools/names.sh $(TABLES) > $@

define layer
$(BUILD)/lib/lib$(1).a: $$(call objects,lib/$(1)/*.c) $(if $(filter store,$(1)),$(BUILD)/obj/gen/scripts.o) \
    $(if $(filter base,$(1)),$(BUILD)/obj/gen/names.o)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/test/$(1)/%: $(BUILD)/obj/tests/unit/$(1)/%.o $(if $(filter fanout,$(1)),$(TEST_FANOUT)) $(TEST_SUPPORT) \
    $(if $(filter wire store relay,$(1)),$(call program_archive,presence-sim)) $$(call archives,$(1))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $$^ $$(libs_$(1)) -lcmocka -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

# A program is its main.c and an archive of the rest, so that tests can link with its parts.
define program
$(call program_archive,$(1)): $$(filter-out %/main.o,$$(call objects,cmd/$(1)/*.c)) $(if $(filter presence-api,$(1)),$(BUILD)/obj/gen/page.o)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/bin/$(1): $(BUILD)/obj/cmd/$(1)/main.o $(call program_archive,$(1)) $$(call archives,fanout)
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $$^ $$(libs_$(1)) -o $$@
$(BUILD)/test/$(1)/%: $(BUILD)/obj/tests/unit/$(1)/%.o $(TEST_SUPPORT) $(call program_archive,$(1)) $$(call archives,fanout)
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $$^ $$(libs_$(1)) -lcmocka -o $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# The simulation: a test program of the daemons' own objects and of fakes, which define what lib/net, lib/redis and lib/fanout do
# with sockets and clocks. The fakes stand first, so that the archives' own members of these names are not taken.
$(BUILD)/obj/tests/%.o: ALL_CFLAGS += -Icmd
$(BUILD)/obj/tests/unit/%.o: ALL_CFLAGS += -Itests/unit
$(BUILD)/obj/tests/simulation/%.o: ALL_CFLAGS += -Itests/simulation

$(TEST_SUPPORT): $(filter-out $(BUILD)/obj/tests/unit/support/fanout_%,$(call objects,tests/unit/support/*.c))
$(TEST_FANOUT): $(call objects,tests/unit/support/fanout_*.c)
$(TEST_SUPPORT) $(TEST_FANOUT):
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/lib/libsimulation.a: $(call objects,tests/simulation/fake_redis/*.c)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && ar rcs $@ $^
$(BUILD)/test/simulation/%: $(BUILD)/obj/tests/unit/simulation/%.o $(TEST_SUPPORT) $(BUILD)/lib/libsimulation.a $(call archives,store)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(libs_store) $(call pkg_libs,lua5.1) -lm -lcmocka -o $@

# What tests/simulation/cost.c counts.
COUNTED := map_get map_put map_remove map_next span_split
$(BUILD)/bin/simulate: $(call objects,tests/simulation/*.c) $(BUILD)/lib/libsimulation.a \
    $(foreach p,presence-ws presence-expiryd presence-sim,$(call program_archive,$(p))) $(call archives,fanout)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(COUNTED:%=-Wl,--wrap=%) $^ $(libs_fanout) $(call pkg_libs,lua5.1) -lm -o $@

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/test/%,$(wildcard tests/unit/*/test_*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
E2E := $(wildcard tests/e2e/*.test.js)
# Two hundred phones that have five seconds to come back, which others must not take from them.
E2E_ALONE := tests/e2e/abort.test.js
FUZZ_SECONDS ?= 60
INSTRUMENT := CC=clang SAN=fuzzer-no-link,address,undefined BUILD=build/fuzz

# A fuzz target over its corpus, without libFuzzer.
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(call program_archive,presence-sim) $(call archives,fanout)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(libs_fanout) -o $@

$(BUILD)/libfuzzer/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(call program_archive,presence-sim) $(call archives,fanout)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined $^ $(libs_fanout) -o $@

#: Install what is needed
deps: ## install what the build lacks (apt-get; says what and why)
	@tests/tools/deps.sh build

deps-demo: ## the same for the demo
	@tests/tools/deps.sh build demo

deps-check: ## for the tests
	@tests/tools/deps.sh build demo check

deps-bench: ## for the measurements
	@tests/tools/deps.sh build demo check bench

deps-fuzz: ## for libFuzzer
	@tests/tools/deps.sh build fuzz

deps-man: ## for the manual pages
	@tests/tools/deps.sh man

# Dependencies first, and the rest in a make of its own: this one has asked pkg-config already.
#: Try
demo: deps-demo ## a live installation with 200 phones behind nginx on port 3000
	@$(MAKE) --no-print-directory all
	@PRESENCE_BIN=$(BUILD)/bin examples/demo/demo.sh

#: Test
check: deps-check ## every test; what is missing is installed first
	@$(MAKE) --no-print-directory check-all

check-valkey: ## what speaks with the store, on Valkey in place of Redis (Debian 13 has it)
	@tests/tools/deps.sh build demo check valkey
	@PRESENCE_REDIS_SERVER=valkey-server $(MAKE) --no-print-directory \
	    E2E="$(patsubst %,tests/e2e/%.test.js,presence sessions viewers expiryd recovery revoke refused guide ctl)" check-unit check-e2e

check-debian13: ## make check in a Debian 13 of its own, made by mmdebstrap in build/debian13
	@tests/tools/debian13.sh

check-all:
	@tests/tools/check.sh

# T=wire/test_event, T='store/*': those alone, without the fuzzers' corpora.
UNIT := $(if $(T),$(filter $(subst *,%,$(T:%=$(BUILD)/test/%)),$(UNIT_TESTS)),$(UNIT_TESTS))
check-unit: $(if $(T),,all $(FUZZ:%=$(BUILD)/fuzz/%)) $(UNIT) ## the rules, wire, tokens, settings and scripts, each by itself; T='store/*' for some
	@$(if $(UNIT),tests/tools/unit.sh $(UNIT),echo "No unit test is called $(T)." >&2; exit 1)
	$(if $(T),,@set -e; for f in $(FUZZ); do $(BUILD)/fuzz/$$f tests/fuzz/corpus/$$f; done)

tests/node_modules/.package-lock.json: tests/package-lock.json
	cd tests && npm ci --omit=dev --no-audit --no-fund --silent
	@touch $@

# With the peer that only the benchmark needs, of 100 MB.
tests/node_modules/bun/package.json: tests/package-lock.json
	cd tests && npm ci --no-audit --no-fund --silent
	@touch $@ tests/node_modules/.package-lock.json

check-e2e: all tests/node_modules/.package-lock.json ## the real programs against real Redis, nginx, clients and Chromium
	@rm -rf build/failed/e2e; ulimit -c unlimited 2>/dev/null; export PRESENCE_BIN=$(BUILD)/bin PRESENCE_SANITIZED=$(SAN); \
	    $(if $(filter $(E2E_ALONE),$(E2E)),node --test $(filter $(E2E_ALONE),$(E2E))) \
	    $(if $(filter $(E2E_ALONE),$(E2E)),$(if $(filter-out $(E2E_ALONE),$(E2E)),&&)) \
	    $(if $(filter-out $(E2E_ALONE),$(E2E)),node --test --test-concurrency=$(if $(SAN),5,8) $(filter-out $(E2E_ALONE),$(E2E)))

check-san: ## unit and end-to-end tests under ASan and UBSan
	@$(MAKE) --no-print-directory SAN=address,undefined check-unit check-e2e

check-valgrind: all tests/node_modules/.package-lock.json ## the end-to-end tests with every program of ours under valgrind (10 minutes)
	@tests/tools/deps.sh valgrind
	@tests/tools/valgrind.sh $(BUILD)/bin $(E2E)

check-hunt: $(BUILD)/bin/simulate ## the simulation: seeds that once failed, and a fixed set of others
	@tests/tools/hunt.sh

build/faults/clock.so: tests/faults/clock.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -shared -fPIC $< -o $@

check-faults: all build/faults/clock.so tests/node_modules/.package-lock.json ## real processes under real faults; RUNS=3, TLS=1: Redis speaks TLS, FAULTS="redis-empty …" for some
	@PRESENCE_BIN=$(BUILD)/bin node tests/faults/run.js $(FAULTS)

check-hostile: all tests/node_modules/.package-lock.json ## honest phones and dashboards beside every attack at once, for MINUTES (10)
	@PRESENCE_BIN=$(BUILD)/bin node tests/hostile/hostile.js

soak: all build/faults/clock.so ## churn and random faults for MINUTES (10); memory must not grow
	@PRESENCE_BIN=$(BUILD)/bin node tests/faults/soak.js

check-planted: $(BUILD)/bin/simulate ## breaks one rule after the other, and sees that the simulation finds each (15 minutes)
	@node tests/hunt/planted.js

#: Measure
bench: deps-bench ## CPU, memory and latency beside Node, Bun and mosquitto, as ratios (8 minutes; FULL=1: 45)
	@$(MAKE) --no-print-directory all tests/node_modules/bun/package.json
	@PRESENCE_BIN=$(BUILD)/bin node tests/bench/bench.js $(if $(FULL),--full) $(if $(JSON),--json)

#: Change
lint: ## layers, layout, and what the checkers say
	@tests/tools/lint.sh

hooks: ## let git run format and lint before each commit (.github/hooks)
	@git config core.hooksPath .github/hooks

format: ## lay out the C files
	@clang-format -i $(wildcard lib/*/*.[ch] cmd/*/*.[ch] tests/unit/*/*.[ch] tests/fuzz/*.[ch] tests/simulation/*.[ch] tests/simulation/*/*.[ch])

fuzz: deps-fuzz ## each decoder under libFuzzer for FUZZ_SECONDS (60)
	@$(MAKE) --no-print-directory $(INSTRUMENT) fuzz-run

fuzz-run: $(FUZZ:%=$(BUILD)/libfuzzer/%)
	@set -e; for f in $(FUZZ); do mkdir -p $(BUILD)/found/$$f; echo "== $$f"; \
	    $(BUILD)/libfuzzer/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/found/$$f- $(BUILD)/found/$$f tests/fuzz/corpus/$$f; done

compdb: ## compile_commands.json in build/, for editors
	@tests/tools/deps.sh build compdb
	@mkdir -p build
	@bear --output build/compile_commands.json -- $(MAKE) -B all

completions: all ## write completions/ from the programs' --help
	@node tests/tools/completions.js $(BUILD)/bin

man: ## the manual pages into build/man (needs lowdown: make deps-man)
	@VERSION=$(VERSION) tests/tools/man.sh build/man

# What a program needs is installed in any case; the pages where lowdown is there to make them.
#: Install
install: all ## into DESTDIR/PREFIX (/usr/local), the manual pages too where lowdown is installed
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	set -e; for p in $(PROGRAMS); do \
	    install -m 644 completions/$$p.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p; \
	    install -m 644 completions/_$$p $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p; \
	    install -m 644 completions/$$p.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; done
	@if command -v lowdown >/dev/null; then $(MAKE) --no-print-directory install-man; \
	    else echo 'The manual pages are left out, since lowdown is not installed: make deps-man && make install-man'; fi

install-man: man ## the manual pages alone
	set -e; for page in $$(tests/tools/man.sh --names); do \
	    install -D -m 644 build/man/$$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

uninstall: ## take away what install put there
	set -e; for p in $(PROGRAMS); do rm -f $(DESTDIR)$(PREFIX)/bin/$$p \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; done
	set -e; for page in $$(tests/tools/man.sh --names); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

install-systemd: ## the units, with /etc/presence and a random key if there is none
	@tests/tools/systemd.sh install "$(DESTDIR)" "$(PREFIX)"

uninstall-systemd: ## take away the units; /etc/presence stays
	@tests/tools/systemd.sh uninstall "$(DESTDIR)" "$(PREFIX)"

dist: ## a source archive of HEAD in build/
	@mkdir -p build
	git archive --prefix=presence-$(VERSION)/ -o build/presence-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf build

# Headings are the lines that begin with "#: ".
help: ## list the targets
	@sed -nE 's/^#: (.*)/\n\1:/p; s/^([a-z0-9-]+):[^#]*## (.*)/  \1\t\2/p' Makefile | expand -t 20

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
