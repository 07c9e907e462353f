# presence: build, test, demo. `make help` lists the targets.

VERSION := 0.1.0
comma := ,
BUILD ?= build$(if $(SAN),/$(subst $(comma),-,$(SAN)))
PREFIX ?= /usr/local
DESTDIR ?=
PROGRAMS := presence-ws presence-api presence-expiryd presence-ctl presence-sim

CC ?= cc
CFLAGS ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wno-unused-parameter $(if $(WERROR),-Werror)
HARDEN := -fstack-protector-strong -fstack-clash-protection -fPIE -fno-strict-aliasing $(if $(SAN),,-D_FORTIFY_SOURCE=2)
SANFLAGS := $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined))
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PACKAGES := libuv libwebsockets hiredis $(MSGPACK) jansson libjwt libcrypto libmicrohttpd lua5.1
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE -DPRESENCE_VERSION='"$(VERSION)"' -Ilib -I$(BUILD)/gen $(WARN) $(HARDEN) $(SANFLAGS) $(CFLAGS) $(PKG_CFLAGS)
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(SANFLAGS) $(LDFLAGS)
pkg_libs = $(shell pkg-config --libs $(1))

# The layers, lowest first; a layer is an archive, and links only with those below it.
LAYERS := base presence wire auth store net model
below_base := base
below_presence := presence base
below_wire := wire presence base
below_auth := auth presence base
below_store := store wire presence base
below_net := net store auth wire presence base
below_model := model store wire presence base
libs_base :=
libs_presence := $(libs_base)
libs_wire := $(call pkg_libs,$(MSGPACK) jansson)
libs_auth := $(call pkg_libs,libjwt libcrypto jansson)
libs_store := $(call pkg_libs,hiredis $(MSGPACK) jansson libcrypto)
libs_net := $(call pkg_libs,libuv libwebsockets hiredis $(MSGPACK) jansson libjwt libcrypto)
libs_model := $(libs_store) $(call pkg_libs,lua5.1) -lm
libs_presence-ws := $(libs_net)
libs_presence-api := $(libs_net) $(call pkg_libs,libmicrohttpd) -lpthread
libs_presence-expiryd := $(libs_net)
libs_presence-ctl := $(libs_net)
libs_presence-sim := $(libs_net) $(call pkg_libs,lua5.1) -lm

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

archives = $(foreach l,$(below_$(1)),$(BUILD)/lib/lib$(l).a)
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard $(1)))
SCRIPTS := $(filter-out lib/store/scripts/prelude.lua,$(wildcard lib/store/scripts/*.lua))
PAGES := $(wildcard cmd/presence-api/*.html)

.PHONY: all deps demo check check-all check-unit check-e2e check-san check-hunt check-tsan check-valgrind check-faults check-planted soak bench fuzz fuzz-run lint format compdb completions install \
    uninstall dist clean help
.DEFAULT_GOAL := all
.SECONDARY:
.DELETE_ON_ERROR:

all: $(PROGRAMS:%=$(BUILD)/bin/%) ## build the five programs into build/bin/

$(BUILD)/obj/%.o: %.c
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c $< -o $@

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

define layer
$(BUILD)/lib/lib$(1).a: $$(call objects,lib/$(1)/*.c) $(if $(filter store,$(1)),$(BUILD)/obj/gen/scripts.o)
	$$(call say,AR,$$@)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && ar rcs $$@ $$^
$(BUILD)/test/$(1)/%: $(BUILD)/obj/tests/unit/$(1)/%.o $$(call archives,$(1))
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $$^ $$(libs_$(1)) -lcmocka -o $$@
endef
$(foreach l,$(LAYERS),$(eval $(call layer,$(l))))

define program
$(BUILD)/bin/$(1): $$(call objects,cmd/$(1)/*.c) $(if $(filter presence-api,$(1)),$(BUILD)/obj/gen/page.o) \
    $(if $(filter presence-sim,$(1)),$(BUILD)/obj/world/world.o) $$(call archives,net)
	$$(call say,LINK,$$@)
	@mkdir -p $$(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $$^ $$(libs_$(1)) -o $$@
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# The simulation: the daemons' own objects on a net layer of its own, linked into one object of which only hunt_run is seen, since
# it bears the names of lib/net and of two programs.
world_part = $(BUILD)/obj/world/$(1).part.o
daemon_objects = $(filter-out %/main.o %/config.o %/health.o,$(call objects,cmd/presence-$(1)/*.c)) $(BUILD)/obj/lib/world/$(1)_daemon.o
WORLD := $(filter-out %_daemon.o,$(call objects,lib/world/*.c)) $(call world_part,ws) $(call world_part,expiryd)
WORLD_NET := $(patsubst %,$(BUILD)/obj/lib/net/%.o,redis_link redis_subscriber redis_connector redis_greeting redis_sentinel redis_address \
    redis_config redis_url ws_frame)

$(BUILD)/obj/lib/world/%.o: ALL_CFLAGS += -Icmd

define world_daemon
$(call world_part,$(1)): $$(call daemon_objects,$(1))
	@mkdir -p $$(@D)
	$(Q)$(LD) -r $$^ -o $$@
	$(Q)objcopy --wildcard --keep-global-symbol='$(1)_daemon_*' $$@
endef
$(foreach d,ws expiryd,$(eval $(call world_daemon,$(d))))

$(BUILD)/obj/world/world.o: $(WORLD) $(WORLD_NET) $(call archives,model) $(call archives,auth)
	$(call say,LD,$@)
	$(Q)$(LD) -r $(WORLD) $(WORLD_NET) --start-group $(call archives,model) $(call archives,auth) --end-group -o $@
	$(Q)objcopy --keep-global-symbol=hunt_run $@

UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/test/%,$(wildcard tests/unit/*/*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
E2E := $(wildcard tests/e2e/*.test.js)
FUZZ_SECONDS ?= 60
INSTRUMENT := CC=clang SAN=fuzzer-no-link,address,undefined BUILD=build/fuzz

# A fuzz target over its corpus, without libFuzzer.
$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/obj/tests/fuzz/replay.o $(call archives,net)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $^ $(libs_net) -o $@

$(BUILD)/libfuzzer/%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(call archives,net)
	@mkdir -p $(@D)
	$(Q)$(CC) -fsanitize=fuzzer,address,undefined $^ $(libs_net) -o $@

deps: ## install what is missing (apt-get; says what and why)
	@tests/tools/deps.sh build demo check fuzz bench

demo: ## a live installation with 200 phones behind nginx on port 3000
	@tests/tools/deps.sh build demo
	@$(MAKE) --no-print-directory all
	@PRESENCE_BIN=$(BUILD)/bin examples/demo/demo.sh

# Dependencies first, in a make of their own: this one has asked pkg-config already.
check: ## every test; what is missing is installed first
	@tests/tools/deps.sh build demo check
	@$(MAKE) --no-print-directory check-all

check-all:
	@tests/tools/check.sh

check-unit: all $(UNIT_TESTS) $(FUZZ:%=$(BUILD)/fuzz/%) ## the rules, wire, tokens, settings and scripts, each by itself
	@tests/tools/unit.sh $(UNIT_TESTS)
	@set -e; for f in $(FUZZ); do $(BUILD)/fuzz/$$f tests/fuzz/corpus/$$f; done

tests/node_modules/.package-lock.json: tests/package-lock.json
	cd tests && npm ci --no-audit --no-fund --silent
	@touch $@

check-e2e: all tests/node_modules/.package-lock.json ## the real programs against real Redis, nginx, clients and Chromium
	@PRESENCE_BIN=$(BUILD)/bin PRESENCE_SANITIZED=$(SAN) node --test --test-concurrency=5 $(E2E)

check-san: ## unit and end-to-end tests under ASan and UBSan
	@$(MAKE) --no-print-directory SAN=address,undefined check-unit check-e2e

check-tsan: ## presence-api's threads under ThreadSanitizer
	@PRESENCE_PATIENCE=4 $(MAKE) --no-print-directory SAN=thread E2E=tests/e2e/api.test.js check-e2e

check-valgrind: all tests/node_modules/.package-lock.json ## the end-to-end tests with every program of ours under valgrind (10 minutes)
	@tests/tools/deps.sh valgrind
	@tests/tools/valgrind.sh $(BUILD)/bin $(E2E)

check-hunt: $(BUILD)/bin/presence-sim ## the simulation: seeds that once failed, and a fixed set of others
	@tests/tools/hunt.sh

build/faults/clock.so: tests/faults/clock.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -shared -fPIC $< -o $@

check-faults: all build/faults/clock.so tests/node_modules/.package-lock.json ## real processes under real faults; RUNS=3, FAULTS="redis-empty …" for some
	@PRESENCE_BIN=$(BUILD)/bin node tests/faults/run.js $(FAULTS)

soak: all build/faults/clock.so ## churn and random faults for MINUTES (10); memory must not grow
	@PRESENCE_BIN=$(BUILD)/bin node tests/faults/soak.js

check-planted: all ## breaks one rule after the other, and sees that the simulation finds each (15 minutes)
	@node tests/hunt/planted.js

bench: ## CPU, memory and latency beside a Node peer, as ratios (3 minutes; FULL=1: 35)
	@tests/tools/deps.sh build demo check bench
	@$(MAKE) --no-print-directory all tests/node_modules/.package-lock.json
	@PRESENCE_BIN=$(BUILD)/bin node tests/bench/bench.js $(if $(FULL),--full) $(if $(JSON),--json)

lint: ## layers, layout, and what the checkers say
	@tests/tools/lint.sh

format: ## lay out the C files
	@clang-format -i $(wildcard lib/*/*.[ch] cmd/*/*.[ch] tests/unit/*/*.[ch] tests/unit/*.h tests/fuzz/*.[ch])

fuzz: ## each decoder under libFuzzer for FUZZ_SECONDS (60)
	@tests/tools/deps.sh build fuzz
	@$(MAKE) --no-print-directory $(INSTRUMENT) fuzz-run

fuzz-run: $(FUZZ:%=$(BUILD)/libfuzzer/%)
	@set -e; for f in $(FUZZ); do mkdir -p $(BUILD)/found/$$f; echo "== $$f"; \
	    $(BUILD)/libfuzzer/$$f -max_total_time=$(FUZZ_SECONDS) -timeout=10 -print_final_stats=1 -verbosity=0 \
	        -artifact_prefix=$(BUILD)/found/$$f- $(BUILD)/found/$$f tests/fuzz/corpus/$$f; done

compdb: ## compile_commands.json in build/, for editors
	@tests/tools/deps.sh build compdb
	@mkdir -p build
	@bear --output build/compile_commands.json -- $(MAKE) -B all

completions: all ## write completions/ from the programs' tables
	@tests/tools/completions.sh $(BUILD)/bin

install: all ## into DESTDIR/PREFIX (/usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 755 $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	set -e; for p in $(PROGRAMS); do \
	    install -m 644 completions/$$p.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p; \
	    install -m 644 completions/_$$p $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p; \
	    install -m 644 completions/$$p.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; done

uninstall: ## take away what install put there
	set -e; for p in $(PROGRAMS); do rm -f $(DESTDIR)$(PREFIX)/bin/$$p \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$p $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$p \
	    $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$p.fish; done

dist: ## a source archive of HEAD in build/
	@mkdir -p build
	git archive --prefix=presence-$(VERSION)/ -o build/presence-$(VERSION).tar.gz HEAD

clean: ## remove what was built
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | expand -t 14

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
