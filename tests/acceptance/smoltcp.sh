#!/usr/bin/env bash
# The examples of imds-smoltcp: over its loopback, and over a TAP device of this system.
#
# The TAP device is in a network namespace of its own, in which there is nothing but it and the
# mock: no packet of this script can reach the network of the machine.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
target=${CARGO_TARGET_DIR:-target}
[[ $target == /* ]] || target=$PWD/$target

fail() {
    printf 'smoltcp.sh: %s\n' "$*" >&2
    exit 1
}

# expect WHAT WANTED GOT
expect() {
    [[ $3 == "$2" ]] || fail "$1: wanted $2, got $3"
    echo "ok: $1"
}

# In the namespace: the service at its own addresses, the device, and the example.
inside() {
    ip link set lo up
    ip tuntap add tap0 mode tap
    ip addr add 169.254.169.254/16 dev tap0
    ip -6 addr add fd00:ec2::254/64 dev tap0 nodad
    ip link set tap0 up

    local ready server family address
    ready=$(mktemp)
    "$target/debug/imdsctl" mock --listen '[::]:80' >"$ready" 2>&1 &
    server=$!
    # shellcheck disable=SC2064
    trap "kill $server; rm -f '$ready'" EXIT
    for _ in $(seq 100); do
        [[ -s $ready ]] && break
        sleep 0.1
    done
    [[ -s $ready ]] || fail "the mock did not start"

    for family in IPv4 IPv6; do
        if [[ $family == IPv4 ]]; then address=169.254.7.7/16; else address=fd00:ec2::7/64; fi
        expect "over a TAP device, $family" i-0123456789abcdef0 \
            "$(timeout 60 "$target/debug/examples/tap" tap0 "$address")"
    done
    local code=0
    timeout 60 "$target/debug/examples/tap" tap0 169.254.7.7/16 /latest/meta-data/no-such || code=$?
    expect "a value that is not there" 3 "$code"
}

if [[ ${1:-} == inside ]]; then
    inside
    exit
fi

cargo build --locked -q -p imdsctl
cargo build --locked -q -p imds-smoltcp --examples
printed=$(timeout 60 "$target/debug/examples/loopback")
expect "over the loopback" i-0123456789abcdef0 "${printed%%$'\n'*}"
# Of its own, and gone with its last process.
if ((EUID == 0)); then
    unshare --net -- tests/acceptance/smoltcp.sh inside
else
    unshare --map-root-user --net -- tests/acceptance/smoltcp.sh inside
fi
