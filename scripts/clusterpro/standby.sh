#!/bin/bash
# For systemd, after the daemon has started (see nezuban.service.d): on a node where the cluster has not activated the
# group since boot, nezuban is not on duty. A node that crashed while active comes back with nothing paused.
trap 'exit 0' EXIT
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh"

if [[ -e $run/active ]]; then
    if pay_duty; then
        say "active on this node"
    else
        alert WARN "active on this node, but not on duty: $answer"
    fi
    exit
fi
lock_state
[[ ! -e $run/active ]] || exit
failed=()
for name in "${names[@]}"; do
    # Between the daemon's start and here it may have tried, and was refused: that is no failure of this node.
    nezuban pause "$name" && nezuban reset "$name" || failed+=("$name")
done
if ((${#failed[@]})); then
    alert WARN "not paused: ${failed[*]}: $answer"
else
    say "standby: $NAMES paused"
fi
