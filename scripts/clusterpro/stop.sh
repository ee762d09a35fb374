#!/bin/bash
# Stop script of the EXEC resource: this node gives the service up. Whatever it finds it ends with 0 and in time: the
# cluster shuts a node down when deactivation fails, and no trouble with a watcher is worth that.
trap 'exit 0' EXIT
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh"

say "deactivation: factor ${CLP_FACTOR:-none, by hand}, event ${CLP_EVENT:-?}, group ${CLP_GROUPNAME:-?}"

# From here on if-active.sh refuses every restart, also of a daemon that can't be told to pause.
rm -f "$run/active" "$run/owed" "$run/unknown" "$run/told"
[[ ! -e $run/active ]] || alert WARN "cannot remove $run/active: if-active.sh goes on letting restarts through"

if [[ $SHAPE == foreground ]]; then
    if [[ ! -e $run/daemon ]]; then
        say "no daemon was started: nothing to do"
    elif end_daemon; then
        say "the daemon has ended"
    else
        alert WARN "the daemon does not end, not even by SIGKILL: $(cat "$run/daemon")"
    fi
    exit
fi

# The service is stopped by the cluster now: nezuban must not take that for a failure. A pause is remembered by the
# daemon, and so outlives it.
until=$((SECONDS + STOP_LIMIT))
lock_state
failed=()
for name in "${names[@]}"; do
    ((SECONDS < until)) && nezuban pause "$name" || failed+=("$name")
done
if ((${#failed[@]})); then
    alert WARN "not paused: ${failed[*]}: $answer"
else
    say "off duty: $NAMES paused"
fi
