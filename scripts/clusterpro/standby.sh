#!/bin/bash
# For systemd, after the daemon has started (see nezuban.service.d): on a node where the cluster has not activated the
# group since boot, nezuban is not on duty. A node that crashed while active comes back with nothing paused.
trap 'exit 0' EXIT
here=$(dirname -- "$0")
# shellcheck source=common.sh
. "$here/common.sh"

lock_state
if [[ -e $run/active ]]; then
    say "active on this node"
    exit
fi
for name in "${names[@]}"; do
    nezuban pause "$name" || alert WARN "not paused: $name: $answer"
done
say "standby: $NAMES paused"
