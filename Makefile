# posta's one Makefile. `make` builds build/posta; `make demo` and `make test` need nothing else before them.
# V=1 shows the commands. CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR, KAFKA, KAFKA_VERSION, SEED are for you to set.

BUILD  ?= build
PREFIX ?= /usr/local
CFLAGS ?= -O2 -g
Q      := $(if $(V),,@)

HARDEN := -fstack-protector-strong -fPIE -D_FORTIFY_SOURCE=2 -fno-plt
ifneq ($(SAN),)
HARDEN := -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
WARN   := -Wall -Wextra -Wformat=2 -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Werror
ALL_CFLAGS  := -std=c11 -D_GNU_SOURCE -Iinclude $(WARN) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS := $(if $(SAN),-fsanitize=$(SAN),-pie -Wl,-z,relro,-z,now) -Wl,--as-needed $(LDFLAGS)
LIBS   := -lrdkafka -lyaml -lssl -lcrypto -lpcre2-8 -lz -lpthread

# The thread sanitizer must see the threads that librdkafka starts.
TSAN_OBJ := $(if $(filter thread,$(SAN)),$(BUILD)/tests/check/tsan_threads.o)

SRC := $(sort $(wildcard agent/*.c agent/*/*.c))
OBJ := $(SRC:%.c=$(BUILD)/%.o)
LIB := $(filter-out $(BUILD)/agent/main.o,$(OBJ))
HDR := $(sort $(wildcard include/posta/*.h agent/*.h agent/*/*.h))

.PHONY: all posta demo test test-debian13 test-arm64 unit check check-layers check-format check-docs check-static check-k8s check-instructions k8s-examples asan tsan fuzz \
        bench bench-all bench-docs bench-bin bench-parse bench-soak soak install docs clean setup-build setup-test setup-demo setup-check setup-bench tools

all: setup-build
	$(Q)$(MAKE) --no-print-directory -j2 posta

posta: $(BUILD)/posta

$(BUILD)/posta: $(OBJ) $(TSAN_OBJ)
	@echo "  LD    $@"
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $(OBJ) $(TSAN_OBJ) $(LIBS)

$(BUILD)/%.o: %.c Makefile
	@echo "  CC    $<"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# ---- set-up: installs what is missing, says what and why, does nothing the second time ----

setup-build setup-test setup-demo setup-check setup-bench:
	$(Q)tests/setup.sh $(@:setup-%=%)

# ---- tests ----

UNIT     := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(UNIT:tests/unit/%.c=$(BUILD)/tests/unit/%)
TOOLS    := $(sort $(wildcard tests/tools/*.c))

$(BUILD)/tests/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(LIB) $(TSAN_OBJ)
	@echo "  TEST  $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Iagent -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB) $(TSAN_OBJ) -lcmocka $(LIBS)

# Programs for scripts that work on a spool folder itself.
DISK     := $(sort $(wildcard tests/disk/*.c))
DISK_BIN := $(DISK:tests/disk/%.c=$(BUILD)/tests/disk/%)

$(BUILD)/tests/disk/%: tests/disk/%.c $(LIB) $(TSAN_OBJ)
	@echo "  TEST  $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Iagent -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIB) $(TSAN_OBJ) -lcmocka $(LIBS)

tools: $(DISK_BIN)
	$(Q)POSTA_TOOLS=$(BUILD)/tests/tools CC=$(CC) tests/tools/build.sh
unit-bin: $(UNIT_BIN)

test: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 posta tools unit-bin
	$(Q)BUILD=$(BUILD) tests/run.sh

unit: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 unit-bin
	$(Q)BUILD=$(BUILD) tests/run.sh unit

asan: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 BUILD=build/asan SAN=address,undefined CFLAGS="-O1 -g" posta tools unit-bin
	$(Q)BUILD=build/asan tests/run.sh unit mock

tsan: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 BUILD=build/tsan SAN=thread CFLAGS="-O1 -g" posta tools unit-bin
	$(Q)TSAN_OPTIONS="suppressions=$(CURDIR)/tests/check/tsan.txt" BUILD=build/tsan tests/run.sh unit mock

# Built and tested with the libraries of Debian 13, in a root of its own; downloads packages, needs root.
test-debian13: setup-test
	$(Q)tests/debian13.sh

# Built for arm64 and tested there, emulated; downloads packages, needs root.
test-arm64: setup-test
	$(Q)tests/arm64.sh

# ---- fuzzing: FUZZ_SECONDS for each target, on top of the corpus that is kept ----

FUZZ_SECONDS ?= 30
FUZZ := $(sort $(wildcard tests/fuzz/fuzz_*.c))

fuzz: setup-check
	$(Q)$(MAKE) --no-print-directory -j2 CC=clang BUILD=build/fuzz SAN=fuzzer-no-link,address,undefined CFLAGS="-O1 -g" \
		$(FUZZ:tests/fuzz/%.c=build/fuzz/%) build/fuzz/tests/unit/test_tail_model
	$(Q)for f in $(FUZZ:tests/fuzz/fuzz_%.c=%); do echo "== $$f"; mkdir -p build/fuzz/corpus/$$f; \
		ASAN_OPTIONS=detect_leaks=1 build/fuzz/fuzz_$$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 -verbosity=0 \
		build/fuzz/corpus/$$f tests/fuzz/corpus/$$f || exit 1; done
	$(Q)echo "== tail_model"; SEQUENCES=0 MODEL_SECONDS=$(FUZZ_SECONDS) build/fuzz/tests/unit/test_tail_model

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(LIB)
	@echo "  FUZZ  $@"
	$(Q)$(CC) $(ALL_CFLAGS) -Iagent -fsanitize=fuzzer,address,undefined -o $@ $< $(LIB) -ljansson $(LIBS)

# ---- checks ----

check: setup-check check-layers check-format check-docs check-static check-instructions

check-layers:
	$(Q)tests/check/layers.sh

check-format:
	$(Q)clang-format --dry-run --Werror $(SRC) $(HDR) $(UNIT) $(TOOLS) $(DISK) $(FUZZ) $(wildcard bench/*.[ch]) && echo "  OK    format"

check-docs: posta
	$(Q)BUILD=$(BUILD) tests/check/docs.sh

check-static:
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability -Iinclude -j2 \
		--suppressions-list=tests/check/cppcheck.txt --inline-suppr agent && echo "  OK    cppcheck"
	$(Q)shellcheck -x -e SC2119,SC2120 $$(git ls-files '*.sh' .ci/run) && echo "  OK    shellcheck"
	$(Q)$(MAKE) --no-print-directory -j2 CC=clang BUILD=build/clang posta && echo "  OK    clang"

# Charts, rendered examples, alerts, Dockerfile; part of `make test`. The first time it builds Helm and friends: some minutes.
check-k8s: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 posta
	$(Q)BUILD=$(BUILD) tests/run.sh k8s

# Rewrite k8s/examples/*.yaml and the tables of values in the charts' READMEs.
k8s-examples:
	$(Q)bash tests/k8s/check_charts.sh write

# The hot path's instructions on a fixed input, beside those in bench/instructions.tsv: always of an ordinary build.
check-instructions:
	$(Q)$(MAKE) --no-print-directory -j2 CC=gcc SAN= CFLAGS="-O2 -g" BUILD=build build/bench/instructions
	$(Q)BUILD=build bench/instructions.sh

# Rewrite what is made from the option tables: config/posta.reference.yml and the options in docs/posta.8.
docs: posta
	$(Q)BUILD=$(BUILD) tests/check/docs.sh write

# ---- the rest ----

demo: setup-demo
	$(Q)$(MAKE) --no-print-directory -j2 posta tools
	$(Q)BUILD=$(BUILD) tests/demo/demo.sh

# The programs of bench/; sink has files of its own.
BENCH     := $(filter-out bench/sink_%,$(sort $(wildcard bench/*.c)))
BENCH_BIN := $(BENCH:bench/%.c=$(BUILD)/bench/%)

$(BUILD)/bench/%: bench/%.c $(wildcard bench/*.h bench/sink_*.c) $(LIB)
	@echo "  BENCH $@"
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Iagent $(ALL_LDFLAGS) -o $@ $< $(if $(filter %/sink,$@),$(wildcard bench/sink_*.c)) $(LIB) $(LIBS) $(if $(filter %/sink %/bare,$@),-llz4)

bench-bin: $(BENCH_BIN)

# Speed and size beside other shippers; tables go to $(BUILD)/bench/results. bench: throughput, latency and rest, some ten
# minutes; bench-all: scale too; bench-docs: all, then docs/performance.md and its pictures are made of it.
bench bench-all bench-docs: setup-bench
	$(Q)$(MAKE) --no-print-directory -j2 posta tools bench-bin
	$(Q)BUILD=$(BUILD) bench/all.sh $(@:bench-%=%)

# Is memory flat over a hundred million lines? Seven minutes.
bench-soak: setup-bench
	$(Q)$(MAKE) --no-print-directory -j2 posta tools bench-bin
	$(Q)BUILD=$(BUILD) bench/soak.sh

# What a line costs as a plain event and through each parser; numbers are kept in bench/parse.md.
bench-parse: setup-bench
	$(Q)$(MAKE) --no-print-directory -j2 $(BUILD)/bench/parse
	$(Q)BUILD=$(BUILD) bench/parse.sh

soak: setup-test
	$(Q)$(MAKE) --no-print-directory -j2 posta tools
	$(Q)BUILD=$(BUILD) tests/run.sh soak

install: all
	install -D -m 0755 $(BUILD)/posta $(DESTDIR)$(PREFIX)/bin/posta
	install -D -m 0644 docs/posta.8 $(DESTDIR)$(PREFIX)/share/man/man8/posta.8
	install -D -m 0644 config/posta.reference.yml $(DESTDIR)$(PREFIX)/share/doc/posta/posta.reference.yml
	install -D -m 0640 config/posta.yml $(DESTDIR)/etc/posta/posta.yml.example
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|@PREFIX@|$(PREFIX)|' config/systemd/posta.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/posta.service
	install -D -m 0644 config/systemd/posta.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/posta.conf

clean:
	rm -rf $(BUILD) build

-include $(OBJ:.o=.d)
