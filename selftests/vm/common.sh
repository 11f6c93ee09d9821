# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every script of this directory shares: where the cache is, how to
# speak, how to become root.  Sourced, never run.

VM_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRC_DIR=$(cd "$VM_DIR/../.." && pwd)

HMM_CACHE=${HMM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hmm_core}
ROOT=$HMM_CACHE/root

# Two clones must not build over one another: each has its own output.
tree_id=$(printf %s "$SRC_DIR" | cksum | cut -d' ' -f1)
OUT_DIR=${HMM_OUT:-$HMM_CACHE/out/$(basename "$SRC_DIR")-$tree_id}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }

# Run a command as root, or as root of a user namespace for everybody else.
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		can_map_users
		unshare --user --map-root-user --map-auto --setuid 0 --setgid 0 -- "$@"
	fi
}

can_map_users()
{
	command -v newuidmap >/dev/null ||
		die "not root and newuidmap is missing: install uidmap"
	unshare --user --map-root-user --map-auto true 2>/dev/null ||
		die "not root and user namespaces are disabled here (or /etc/subuid has no line for $(id -un))"
}

# Become root in namespaces of its own: whoever kills this process ends all
# processes and mounts made inside.  It takes SIGKILL, unshare blocks the others.
exec_isolated()
{
	local become=()

	if [ "$(id -u)" != 0 ]; then
		can_map_users
		become=(unshare --user --map-root-user --map-auto --setuid 0 --setgid 0 --)
	fi
	exec ${become[@]+"${become[@]}"} \
		unshare --mount --propagation private --pid --fork --kill-child -- "$@"
}
