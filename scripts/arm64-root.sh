#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks the libraries that mica uses, as Debian has them for 64-bit Arm, into a folder: about 14 MB
# to fetch and 60 MB unpacked. Nothing is installed and nothing of the system is changed.
#   scripts/arm64-root.sh [FOLDER]      (default build/arm64-root; done already: nothing happens)
set -eu
cd "$(dirname "$0")/.."
root=${1:-build/arm64-root}
packages="libutf8proc-dev libonig-dev libcurl4-openssl-dev libssl-dev libcmocka-dev"
[ ! -f "$root/complete" ] || exit 0
for tool in apt-get dpkg; do
    command -v $tool >/dev/null 2>&1 || {
        echo "the packages for arm64 come from a Debian system's apt, and $tool is not here" >&2
        exit 1
    }
done

# apt with lists, state and cache of its own, of a system without a single package.
rm -rf "$root"
mkdir -p "$root/apt/lists/partial" "$root/apt/cache/archives/partial"
root=$(cd "$root" && pwd)
: >"$root/apt/status"
cat >"$root/apt/conf" <<CONF
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Dir::State "$root/apt";
Dir::State::lists "$root/apt/lists";
Dir::State::status "$root/apt/status";
Dir::Cache "$root/apt/cache";
CONF
export APT_CONFIG="$root/apt/conf"
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -qq -y --no-install-recommends --download-only $packages
for package in "$root"/apt/cache/archives/*.deb; do
    dpkg -x "$package" "$root"
done
rm -rf "$root/apt"
touch "$root/complete"
