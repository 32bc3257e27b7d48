# The few commands that people type; meson does the work. `make help` lists them.
#
# Each kind of build has its own directory, so that switching costs nothing:
#   build/        release: what is installed and run
#   build-asan/   AddressSanitizer and UndefinedBehaviorSanitizer: what the tests use
#   build-hooks/  release with the hooks of the tests: the sandbox, which sanitizers cannot bear, is enforced here
#   build-debug/  no optimisation, for the debugger
#   build-tsan/   ThreadSanitizer
#   build-fuzz/   libFuzzer, clang
#   build-bench/  release, with the load generators

MESON ?= /usr/bin/meson
NINJA ?= /usr/bin/ninja
PYTHON := /usr/bin/python3
JOBS ?= $(shell nproc)

# Where localserve keeps its data, and options for it: make run RUN_ARGS="--dir /tmp/try"
RUN_ARGS ?=
# Measuring: make bench BENCH_ARGS="--compare --runs 5"; scripts/bench --help
BENCH_ARGS ?=
# Fuzzing: make fuzz TARGET=cursor SECONDS=60
TARGET ?=
SECONDS ?= 60
PREFIX ?= /usr/local
DESTDIR ?=

SANITIZE := -Db_lundef=false -Dbuildtype=debugoptimized
export ASAN_OPTIONS ?= abort_on_error=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS ?= halt_on_error=1:second_deadlock_stack=1

.PHONY: all run test test-unit test-tsan test-long test-ui test-thunderbird check debug asan hooks tsan fuzz bench install clean help

all: build/build.ninja
	@$(NINJA) -C build -j $(JOBS) --quiet
	@scripts/link-commands build

run:
	@scripts/packages build
	@$(MAKE) --no-print-directory all
	@exec build/godwit localserve $(RUN_ARGS)

test:
	@scripts/packages build test
	@scripts/fetch-peers
	@$(MAKE) --no-print-directory asan hooks
	@$(PYTHON) scripts/run-tests --build build-asan --enforced build-hooks

test-unit: asan
	@$(PYTHON) scripts/run-tests --build build-asan --only unit,fuzz

# Not in `make test`: three times as slow.
test-tsan:
	@scripts/packages build test
	@scripts/fetch-peers
	@$(MAKE) --no-print-directory tsan
	@$(PYTHON) scripts/run-tests --build build-tsan

test-long:
	@scripts/packages build test
	@scripts/fetch-peers
	@$(MAKE) --no-print-directory asan hooks
	@GODWIT_TEST_LONG=1 $(PYTHON) scripts/run-tests --build build-asan --enforced build-hooks

# Not in `make test`: Chromium, Node.js and packages from npm. The pictures are for people.
test-ui:
	@scripts/packages build test ui
	@$(MAKE) --no-print-directory hooks
	@command -v npm >/dev/null || { echo "test-ui needs Node.js 18 or later and npm"; exit 1; }
	@cd ui && npm ci --silent --no-audit --no-fund && npm run --silent build && npm test --silent
	@[ -z "$$(git status --porcelain -- ui/dist)" ] || { git status --short -- ui/dist; echo "ui/dist is not what ui/src builds: commit it"; exit 1; }
	@GODWIT_BUILD=build-hooks $(PYTHON) -B tests/integration/account_page.py build-hooks/account-page
	@echo "what it showed: build-hooks/account-page/*.png"

# Not in `make test`: a large program, and another one with each update. The picture is for people.
test-thunderbird:
	@scripts/packages build test thunderbird
	@$(MAKE) --no-print-directory hooks
	@GODWIT_BUILD=build-hooks $(PYTHON) -B tests/integration/thunderbird.py build-hooks/thunderbird.png
	@echo "what it showed: build-hooks/thunderbird.png"

check:
	@scripts/packages build test check
	@$(MAKE) --no-print-directory all
	@$(PYTHON) scripts/run-checks --build build

debug: build-debug/build.ninja
	@$(NINJA) -C build-debug -j $(JOBS) --quiet
	@scripts/link-commands build-debug

asan: build-asan/build.ninja
	@$(NINJA) -C build-asan -j $(JOBS) --quiet
	@scripts/link-commands build-asan

hooks: build-hooks/build.ninja
	@$(NINJA) -C build-hooks -j $(JOBS) --quiet enforced
	@scripts/link-commands build-hooks

tsan: build-tsan/build.ninja
	@$(NINJA) -C build-tsan -j $(JOBS) --quiet
	@scripts/link-commands build-tsan

fuzz:
	@scripts/packages build test check
	@[ -z "$(TARGET)" ] || $(MAKE) --no-print-directory build-fuzz/build.ninja
	@NINJA=$(NINJA) JOBS=$(JOBS) scripts/fuzz build-fuzz "$(TARGET)" "$(SECONDS)"

bench:
	@scripts/packages build test bench
	@$(MAKE) --no-print-directory build-bench/build.ninja
	@$(NINJA) -C build-bench -j $(JOBS) --quiet
	@scripts/link-commands build-bench
	@$(PYTHON) scripts/bench --build build-bench $(BENCH_ARGS)

install: all
	@DESTDIR="$(DESTDIR)" $(MESON) install -C build --no-rebuild

clean:
	@rm -rf build build-asan build-hooks build-debug build-tsan build-fuzz build-bench build-clang

build/build.ninja: | meson.build
	@$(MESON) setup build -Dbuildtype=release -Dtests=false -Dprefix=$(PREFIX) $(MESON_ARGS) >/dev/null

build-debug/build.ninja: | meson.build
	@$(MESON) setup build-debug -Dbuildtype=debug $(MESON_ARGS) >/dev/null

build-asan/build.ninja: | meson.build
	@$(MESON) setup build-asan $(SANITIZE) -Db_sanitize=address,undefined -Dtest_hooks=true $(MESON_ARGS) >/dev/null

build-hooks/build.ninja: | meson.build
	@$(MESON) setup build-hooks -Dbuildtype=release -Dtest_hooks=true $(MESON_ARGS) >/dev/null

build-tsan/build.ninja: | meson.build
	@$(MESON) setup build-tsan $(SANITIZE) -Db_sanitize=thread $(MESON_ARGS) >/dev/null

build-bench/build.ninja: | meson.build
	@$(MESON) setup build-bench -Dbuildtype=release $(MESON_ARGS) >/dev/null

build-fuzz/build.ninja: | meson.build
	@CC=clang $(MESON) setup build-fuzz $(SANITIZE) -Db_sanitize=address,undefined -Dtests=false -Dfuzz=true \
	  -Dc_args=-fsanitize=fuzzer-no-link $(MESON_ARGS) >/dev/null

help:
	@echo "make            build the release kind; build/godwit is the command"
	@echo "make run        install what is missing, build, start godwit localserve"
	@echo "make test       install what is missing, build with sanitizers and without, run every test"
	@echo "make test-unit  only unit tests and fuzz regressions, without installing anything"
	@echo "make test-tsan  the tests under ThreadSanitizer"
	@echo "make test-long  the tests with many more rounds"
	@echo "make test-ui    the account page in Chromium; builds ui/dist anew and compares"
	@echo "make test-thunderbird  the mail program Thunderbird against a server of our own"
	@echo "make check      format, include direction, linked libraries and the other readers"
	@echo "make debug      build-debug/: no optimisation"
	@echo "make asan       build-asan/: AddressSanitizer, UndefinedBehaviorSanitizer"
	@echo "make hooks      build-hooks/: release with the hooks of the tests; the sandbox is enforced"
	@echo "make tsan       build-tsan/: ThreadSanitizer"
	@echo "make fuzz       TARGET=name SECONDS=60; without TARGET it lists the targets"
	@echo "make bench      load on a server of our own, numbers as JSON lines and a table; BENCH_ARGS=--compare"
	@echo "make install    PREFIX=/usr/local DESTDIR="
	@echo "make clean      remove the build directories"
