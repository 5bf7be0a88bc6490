#!/usr/bin/env bash
# Installs what the lab cluster and the end-to-end tests need and this machine lacks: Debian packages (as root) and a Go
# toolchain. Says nothing when everything is there.
set -euo pipefail

# command → Debian package
declare -A packages=(
  [runc]=runc [nft]=nftables [conntrack]=conntrack [ip]=iproute2 [unshare]=util-linux [busybox]=busybox-static
  [strip]=binutils [openssl]=openssl [gcc]=gcc [musl-gcc]=musl-tools [go]=golang-go [sudo]=sudo
  [/usr/lib/cni/bridge]=containernetworking-plugins [/usr/include/linux/types.h]=libc6-dev
)
PATH=$PATH:/usr/sbin:/sbin
missing=()
for command in "${!packages[@]}"; do
  command -v "$command" >/dev/null 2>&1 || [ -e "$command" ] || missing+=("${packages[$command]}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "==> installing ${missing[*]}"
if [ "$(id -u)" != 0 ]; then
  echo "these packages are missing and only root can install them: sudo apt-get install ${missing[*]}" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "no apt-get here: install by your system's own means: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
apt-get update -qq >"$log" 2>&1 && apt-get install -y -qq --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
  cat "$log" >&2
  exit 1
}
rm -f "$log"
