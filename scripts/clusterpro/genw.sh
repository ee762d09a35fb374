#!/bin/bash
# Script of the custom monitor resource (synchronous): 0 healthy, 1 failed for good, 2 cannot tell for too long.
# Ends by itself within ANSWER_LIMIT and a few seconds: a time-out of the cluster is, by default, not an error.
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh" || exit 2

# The alert log hears of a change, the script log of everything: some will leave a failure as it is for days.
tell() { # WARN|ERR TEXT
    local told=
    mkdir -p "$run"
    read -r told 2>/dev/null <"$run/told"
    if [[ $told == "$1" ]]; then
        say "$2"
    else
        echo "$1" >"$run/told"
        alert "$1" "$2"
    fi
}

if ((${#names[@]} == 0)); then
    alert ERR "NAMES is empty in $here/nezuban.conf"
    exit 2
fi
if pay_duty; then
    nezuban health --style=clusterpro "${names[@]}"
    code=$?
else
    code=2
    answer="cannot tell: not on duty yet: $answer"
fi
case $code in
0)
    [[ ! -e $run/unknown ]] || say "can tell again"
    rm -f "$run/unknown" "$run/told"
    say "$answer"
    exit 0
    ;;
1)
    rm -f "$run/unknown"
    tell ERR "$answer"
    exit 1
    ;;
esac

# Cannot tell. A service is not moved because its watcher restarts or is slow for once; but without a watcher nobody
# would notice its next failure, so this must not last. Whoever can't even count is as blind.
[[ $answer == "cannot tell"* ]] || answer="cannot tell: $answer (code $code)"
count=0
read -r count 2>/dev/null <"$run/unknown"
[[ $count =~ ^[0-9]{1,9}$ ]] || count=0
count=$((10#$count + 1))
if ! { mkdir -p "$run" && echo "$count" >"$run/unknown"; }; then
    alert ERR "$answer; and cannot count in $run"
    exit 2
fi
if ((UNKNOWN_LIMIT > 0 && count >= UNKNOWN_LIMIT)); then
    tell ERR "$answer; $count times in a row"
    exit 2
fi
tell WARN "$answer; $count times in a row, a failure at $UNKNOWN_LIMIT"
exit 0
