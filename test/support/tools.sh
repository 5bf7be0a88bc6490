#!/usr/bin/env bash
# Installs what the lab cluster and the tests need and this machine lacks: Debian packages (as root) and a Go toolchain.
# Says nothing when everything is there.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin:/usr/local/go/bin

# Go 1.21 and newer fetch the toolchain that a go.mod asks for; Debian 12's cannot, so this one is fetched with it.
go_needed=1.25
go_fetched=1.26.8
go_root="${XDG_CACHE_HOME:-$HOME/.cache}/swap-lab/go"

# command or file → Debian package
declare -A packages=(
  [runc]=runc [nft]=nftables [iptables]=iptables [ip]=iproute2 [unshare]=util-linux [busybox]=busybox-static
  [strip]=binutils [gcc]=gcc [musl-gcc]=musl-tools [/usr/lib/cni/ptp]=containernetworking-plugins
  [/usr/include/linux/types.h]=libc6-dev [sshfs]=sshfs [python3]=python3
)

go_is_new_enough() {
  command -v "$1" >/dev/null 2>&1 || return 1
  local version
  version=$("$1" env GOVERSION 2>/dev/null) || return 1
  [ "$(printf '%s\n%s\n' "$go_needed" "${version#go}" | sort -V | head -n 1)" = "$go_needed" ]
}

missing=()
for need in "${!packages[@]}"; do
  command -v "$need" >/dev/null 2>&1 || [ -e "$need" ] || missing+=("${packages[$need]}")
done
fetch_go=
if ! go_is_new_enough go && ! go_is_new_enough "$go_root/bin/go"; then
  fetch_go=yes
  command -v go >/dev/null 2>&1 || missing+=(golang-go)
fi

if [ ${#missing[@]} -gt 0 ]; then
  echo "==> installing ${missing[*]}"
  if [ "$(id -u)" != 0 ]; then
    echo "these packages are missing and only root can install them: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  if ! command -v apt-get >/dev/null; then
    echo "no apt-get here: install by your system's own means: ${missing[*]}" >&2
    exit 1
  fi
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
  fi
fi

if [ -n "$fetch_go" ]; then
  case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
  module="golang.org/toolchain@v0.0.1-go$go_fetched.linux-$arch"
  echo "==> fetching Go $go_fetched"
  work=$(mktemp -d)
  (cd "$work" && GO111MODULE=on GOFLAGS=-modcacherw go mod download "$module")
  mkdir -p "$(dirname "$go_root")"
  rm -rf "$go_root"
  cp -r "$(go env GOMODCACHE)/$module" "$go_root"
  # A module's zip carries no permissions.
  chmod -R u+w,a+rX "$go_root"
  chmod a+x "$go_root"/bin/* "$go_root"/pkg/tool/*/*
  rm -rf "$work"
fi
