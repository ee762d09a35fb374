#!/bin/bash
# Start script of the EXEC resource: this node takes over. Exit code 0, or the activation has failed.
#   SHAPE=systemd     synchronous: clears the latch of earlier failures, ends the pause, waits until the service is healthy
#   SHAPE=foreground  asynchronous: becomes the daemon, whose end the pid monitor sees
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh" || exit 1

# The cluster says why it activates; for nezuban START, FAILOVER, RECOVER and a start by hand are all the same.
say "activation: event ${CLP_EVENT:-none, by hand}, server ${CLP_SERVER:-?}, disk ${CLP_DISK:-?}, group ${CLP_GROUPNAME:-?}"
if [[ ${CLP_DISK:-} == FAILURE ]]; then
    alert ERR "the disk of the group is not there: nothing can run on this node"
    exit 1
fi
if ((${#names[@]} == 0)); then
    alert ERR "NAMES is empty in $here/nezuban.conf"
    exit 1
fi
if ! mkdir -p "$run"; then
    alert ERR "cannot write to $run"
    exit 1
fi

# The service is there, its watch is not. The service is worth more: to move it would interrupt it for nothing.
unwatched() { # WHY
    alert WARN "started without a watch: $1"
    [[ $UNWATCHED_START == allow ]] && exit 0
    exit 1
}

# The daemon answers a moment after it began, or a minute: it waits up to 63 s for a state directory that the scribe of a dead
# one still holds. Nobody can be told before, so this goes on as long as the daemon lives and nobody else has paid (genw.sh
# would, but foreground needs none). Not as a child of the daemon to be.
take_duty_later() {
    local identity told='' until=$((SECONDS + START_LIMIT))
    identity=$(identity_of "$$") || return # of start.sh, which becomes the daemon
    while [[ -e $run/owed ]] && daemon_alive "$identity"; do
        take_duty && { say "on duty: $NAMES"; return; }
        if [[ -z $told ]] && ((SECONDS >= until)); then
            told=yes
            alert WARN "not on duty after $START_LIMIT s, and still trying: $answer"
        fi
        sleep 0.2
    done
}

if [[ $SHAPE == foreground ]]; then
    end_daemon || alert WARN "an earlier daemon does not end"
    rm -f "$run/unknown" "$run/told"
    : >"$run/owed"
    : >"$run/active"
    (take_duty_later &)
    if ! identity_of "$$" >"$run/daemon"; then
        alert ERR "cannot write to $run: nobody could end the daemon"
        exit 1
    fi
    # As its systemd unit would have it.
    ulimit -l unlimited 2>/dev/null
    exec "$NEZUBAN" run -c "$CONFIG" ${SOCKET:+--socket "$SOCKET"}
fi

until=$((SECONDS + START_LIMIT))
lock_state
rm -f "$run/unknown" "$run/told"
: >"$run/owed"
: >"$run/active" # before the reset: the latch would fill again while if-active.sh refuses
until take_duty; do
    ((SECONDS < until)) || unwatched "$answer"
    sleep 0.5
done
unlock_state

for (( ; ; )); do
    nezuban health --style=clusterpro "${names[@]}"
    code=$?
    ((code != 0 && SECONDS < until)) || break
    sleep 0.5
done
case $code in
0) say "on duty: $answer" ;;
1)
    alert ERR "not healthy within $START_LIMIT s: $answer"
    exit 1
    ;;
*) unwatched "$answer" ;;
esac
