#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what building mica needs, from the system's packages, if it is not there yet.
#   scripts/install-deps.sh [--with-tests]
# On Debian and its relatives this asks apt-get (as root, or through sudo); elsewhere it prints a list.
set -eu
tests=no
[ "${1:-}" = --with-tests ] && tests=yes

# What is missing? Look for the things themselves, not for packages: a system may have them otherwise.
missing=""
need() { # need PACKAGE COMMAND...: the package if the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
need gcc command -v cc
need libc6-dev sh -c 'echo "int main(void) { return 0; }" | cc -x c - -o /dev/null'
need make command -v make
need cmake command -v cmake
need pkg-config command -v pkg-config
need libutf8proc-dev pkg-config --exists libutf8proc
need libonig-dev pkg-config --exists oniguruma
need libcurl4-openssl-dev pkg-config --exists libcurl
need libssl-dev pkg-config --exists libcrypto
if [ $tests = yes ]; then
    need gcc command -v gcc
    need g++ command -v g++
    need clang command -v clang
    need libcmocka-dev pkg-config --exists cmocka
    need binutils command -v nm
    need clang-format command -v clang-format
    need procps command -v ps
    # The sanitizers' and the fuzzer's run-time library of clang is a package of its own.
    if command -v clang >/dev/null 2>&1; then
        runtime=$(clang -print-file-name=libclang_rt.fuzzer-x86_64.a 2>/dev/null || true)
        other=$(clang -print-file-name=libclang_rt.fuzzer-aarch64.a 2>/dev/null || true)
        [ -f "$runtime" ] || [ -f "$other" ] ||
            missing="$missing libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    else
        missing="$missing libclang-rt-dev"
    fi
fi
# The kernels for Arm are tested under emulation where the packages for it can be had.
if [ $tests = yes ] && [ "$(uname -m)" = x86_64 ] && command -v apt-get >/dev/null 2>&1; then
    need gcc-aarch64-linux-gnu command -v aarch64-linux-gnu-gcc
    need libc6-dev-arm64-cross test -f /usr/aarch64-linux-gnu/include/stdio.h
    need qemu-user command -v qemu-aarch64
fi
[ -n "$missing" ] || exit 0

if command -v apt-get >/dev/null 2>&1; then
    sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 || {
            echo "mica needs:$missing" >&2
            echo "Become root and run: apt-get install$missing" >&2
            exit 1
        }
        sudo=sudo
    fi
    echo "installing:$missing"
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq
    case $missing in
    *libclang-rt-dev*)
        # Which version belongs to clang is known once clang is there.
        # shellcheck disable=SC2086
        $sudo apt-get install -y -qq --no-install-recommends ${missing% libclang-rt-dev} >/dev/null
        version=$(clang -dumpversion | cut -d. -f1)
        $sudo apt-get install -y -qq --no-install-recommends "libclang-rt-$version-dev" >/dev/null ;;
    *)
        # shellcheck disable=SC2086
        $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null ;;
    esac
    exit 0
fi

cat >&2 <<LIST
mica needs these and cannot install them on this system by itself; missing here:$missing

  Fedora:        dnf install gcc make cmake pkgconf utf8proc-devel oniguruma-devel libcurl-devel openssl-devel
  Arch:          pacman -S gcc make cmake pkgconf libutf8proc oniguruma curl openssl
  Alpine:        apk add build-base cmake pkgconf utf8proc-dev oniguruma-dev curl-dev openssl-dev linux-headers
  macOS:         brew install cmake pkg-config utf8proc oniguruma curl openssl
  for the tests: clang with its sanitizers, cmocka
LIST
exit 1
