#!/bin/bash
# Script before recovery actions of the monitor resource: keeps what is known before the cluster acts. Ends with 0 within
# EVIDENCE_LIMIT and 14 s, whatever it finds: recovery must not wait for it. 24 s by default, and the cluster's time-out is 30:
# all questions EVIDENCE_LIMIT and 2 s, writing 7 s, the alert log 5 s (see ask).
trap 'exit 0' EXIT
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh"

action=${CLP_ACTION:-by-hand}
until=$((SECONDS + EVIDENCE_LIMIT))
text="monitor ${CLP_MONITORNAME:-?}, action $action, counts: recovery ${CLP_RECOVERYCOUNT:--} restart ${CLP_RESTARTCOUNT:--} failover ${CLP_FAILOVERCOUNT:--}"

collect() { # VERB ARGUMENT…
    local left=$((until - SECONDS))
    if ((left <= 0)); then
        text+=$'\n\n'"== nezuban $*: left out, no time"
        return 1
    fi
    ((ANSWER_LIMIT <= left)) || ANSWER_LIMIT=$left
    nezuban "$@"
    local code=$?
    text+=$'\n\n'"== nezuban $* (exit code $code)"$'\n'$answer
}

collect health --style=clusterpro "${names[@]}"
collect status "${names[@]}"
# A group has no explanation, its members have: the first column of the table.
mapfile -t rules < <(awk '/^RULE / { table = 1; next } table && /^[^ ]/ && $1 != "group" { print $1 }' <<<"$answer")
collect events -n 50
for rule in "${rules[@]:0:20}"; do
    collect explain "$rule" || break
done

# First to memory: the disk may be what is sick.
if ! { mkdir -p "$run" && printf '%s\n' "$text" | head -c "$EVIDENCE_SIZE" >"$run/evidence"; }; then
    alert WARN "evidence could not be kept, so it is in this log"
    printf '%s\n' "$text"
    exit
fi
file=$EVIDENCE_DIR/$instance-$(date '+%Y%m%dT%H%M%S')-${action//[^A-Za-z0-9-]/_}.txt
# shellcheck disable=SC2016 # expanded by the inner shell
if ask 5 bash -c '
    umask 077
    folder=${2%/*}
    mkdir -p "$folder" && cp "$1" "$2" || exit 1
    kept=("$folder/$3"-[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]T*.txt)
    while ((${#kept[@]} > $4)); do rm -f -- "${kept[0]}" && kept=("${kept[@]:1}"); done
    ' keep "$run/evidence" "$file" "$instance" "$EVIDENCE_KEEP"; then
    alert INFO "evidence of $action: $file"
else
    alert WARN "evidence could not be kept in $EVIDENCE_DIR, see $run/evidence: $answer"
fi
