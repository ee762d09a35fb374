#!/bin/bash
# if-active.sh COMMAND…: executes the command, but only where the cluster has activated the group. To be put before the
# restart commands of nezuban's rules: whatever goes wrong elsewhere, a standby node starts no service.
here=$(dirname -- "$0")
# shellcheck source=scripts/clusterpro/common.sh
. "$here/common.sh" || exit 1
if [[ ! -e $run/active ]]; then
    echo "refused: the group of $instance is not active on this node" >&2
    exit 1
fi
exec "$@"
