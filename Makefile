# SPDX-License-Identifier: MIT
# The short commands. CMake does the work; see CMakePresets.json.

JOBS ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
MAKEFLAGS += --no-print-directory
PREFIX ?= /usr/local
RELEASE = build/release

.PHONY: all demo check bench peers install format tidy clean help

all: ## build the release program at build/release/mica
	@sh scripts/install-deps.sh
	@cmake --preset release -DMICA_BUILD_TESTS=OFF >/dev/null
	@cmake --build $(RELEASE) -j $(JOBS) --target mica-program example_search
	@echo "built $(RELEASE)/mica; try: $(RELEASE)/mica --help"

demo: all ## a real embedding model, end to end (MODEL=dir uses one that you have)
	@sh scripts/demo.sh $(MODEL)

check: ## everything that must hold: tests, sanitizers, fuzzing, static checks
	@sh scripts/check.sh

bench: ## speed, beside PyTorch where there is one (see `make peers`)
	@sh scripts/install-deps.sh --with-tests
	@cmake --preset release -DMICA_BUILD_TESTS=ON >/dev/null
	@cmake --build $(RELEASE) -j $(JOBS)
	@sh bench/run.sh $(RELEASE)

peers: ## install the frameworks that `make bench` compares with, in build/peers
	@python3 -m venv build/peers
	@build/peers/bin/pip install -r bench/peers/requirements.txt || \
	    grep -v '^#' bench/peers/requirements.txt | while IFS= read -r one; do \
	        build/peers/bin/pip install "$$one" </dev/null || echo "not installed: $$one"; done

install: all ## install the program, the libraries and the headers under PREFIX
	@cmake --build $(RELEASE) -j $(JOBS)
	@cmake --install $(RELEASE) --prefix $(PREFIX)

format: ## put all C files into the project's format
	@git ls-files '*.c' '*.h' | xargs clang-format -i

tidy: ## clang-tidy over the library and the program
	@cmake --preset debug -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
	@git ls-files 'src/*.c' 'cli/*.c' | grep -v -e /x86/ -e /arm/ | xargs clang-tidy --quiet -p build/debug

clean:
	@rm -rf build

help:
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile
