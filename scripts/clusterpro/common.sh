#!/bin/bash
# What the scripts share; not to be executed. Expects $here, the folder of the script: a folder of symbolic links to these
# files with a nezuban.conf of its own is another instance.

# clplogcmd, and what the cluster's own PATH may lack.
PATH=$PATH:/usr/sbin:/usr/bin:/sbin:/bin
instance=$(basename -- "$(cd -- "${here:?}" && pwd)")
# shellcheck source=/dev/null
. "$here/defaults.conf"
# shellcheck source=/dev/null
. "$here/nezuban.conf"
run=$RUN_DIR/$instance
# shellcheck disable=SC2153 # NAMES is a setting
read -ra names <<<"$NAMES"

# The cluster keeps what scripts print in its script log.
say() {
    printf '%s %s: %s\n' "$(date '+%F %T')" "${0##*/}" "$*"
}

# Also to the cluster's alert log, where there is one. Its messages have at most 511 bytes.
alert() { # INFO|WARN|ERR TEXT
    say "$2"
    command -v clplogcmd >/dev/null || return 0
    local text="nezuban $instance: $2"
    ask 3 clplogcmd -m "${text:0:400}" -l "$1"
}

# Runs a command; its output is in $answer, its exit code is returned, 124 or 137 when it did not end in time. $(…) would
# wait for whoever still holds the pipe, and SIGKILL does not end everything: nothing here waits for anything but time.
ask() { # SECONDS COMMAND…
    local limit=$1 code=124 line fd
    local until=$((SECONDS + limit + 2)) size_max=$EVIDENCE_SIZE
    shift
    answer=
    exec {fd}< <(
        unlock_state
        timeout -k 1 "$limit" "$@" </dev/null 2>&1
        printf '\ncode %d\n' $?
    )
    while ((SECONDS < until)) && IFS= read -r -t $((until - SECONDS)) -u "$fd" line; do
        if [[ $line =~ ^code\ ([0-9]+)$ ]]; then
            code=${BASH_REMATCH[1]}
            break
        elif ((${#answer} < size_max)); then
            answer+=$line$'\n'
        fi
    done
    exec {fd}<&-
    while [[ $answer == *$'\n' ]]; do answer=${answer%$'\n'}; done
    [[ -n $answer ]] || ((code != 124 && code != 137)) || answer="no answer within $limit s"
    return "$code"
}

nezuban() {
    ask "$ANSWER_LIMIT" "$NEZUBAN" "$@" -c "$CONFIG" ${SOCKET:+--socket "$SOCKET"}
}

# Several scripts may run at once: at boot systemd starts the daemon while the cluster activates the group. Whoever holds
# the lock too long is passed by: to hang here would be worse.
lock_state() {
    if ! { mkdir -p "$run" && exec {lock}>"$run/lock" && flock -w 10 "$lock"; }; then
        say "goes on without the lock $run/lock"
    fi
}

unlock_state() {
    [[ -z ${lock:-} ]] || exec {lock}>&-
    lock=
}

# Off the latch, off the pause: a new activation is a new chance. True when every name took it.
take_duty() {
    local name
    for name in "${names[@]}"; do
        nezuban reset "$name" && nezuban resume "$name" || return 1
    done
    rm -f "$run/owed"
}

# start.sh owes it while the daemon can't be reached. Without this, one that comes later would stay paused on the active
# node, and say that all is well.
pay_duty() {
    [[ -e $run/owed ]] || return 0
    local code=0
    lock_state
    [[ ! -e $run/owed ]] || take_duty || code=1
    unlock_state
    return "$code"
}

# Pid and start time: a pid alone may be somebody else's by now. Absent for a zombie, who has ended.
identity_of() { # PID
    local stat
    read -r stat 2>/dev/null <"/proc/$1/stat" || return 1
    local -a fields
    read -ra fields <<<"${stat##*) }"
    [[ ${fields[0]} != [ZX] ]] && echo "$1 ${fields[19]}"
}

daemon_alive() { # "PID START"
    [[ $(identity_of "${1%% *}") == "$1" ]]
}

# Ends the daemon that start.sh became, nobody else, and waits for its end. False: it is still there.
end_daemon() {
    local identity signal until
    read -r identity 2>/dev/null <"$run/daemon" || return 0
    for signal in TERM KILL; do
        daemon_alive "$identity" || break
        say "SIG$signal to the daemon ${identity%% *}"
        kill -s "$signal" "${identity%% *}" 2>/dev/null
        # One that is stopped would keep SIGTERM for later.
        kill -s CONT "${identity%% *}" 2>/dev/null
        until=$((SECONDS + 5))
        [[ $signal == KILL ]] || until=$((SECONDS + STOP_LIMIT))
        while daemon_alive "$identity" && ((SECONDS < until)); do sleep 0.1; done
    done
    daemon_alive "$identity" && return 1
    rm -f "$run/daemon"
}
