#!/bin/sh
# shellcheck shell=dash disable=SC3045,SC2317 # it is busybox, which reads with a time limit; functions are called by check
# A real NFS server in the kernel, as the daemon sees it: too few of its threads, none at all, and threads that hang in a frozen
# file system. Whatever happens to them, they are never signalled.

passed=0 failed=0 skipped=0
check() { # WHAT COMMAND…
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed=$((failed + 1))
        echo "FAILED $what ($*); the last event was $event"
    fi
}

broken() { # REASON: nothing after it can be told
    echo "FAILED $1"
    failed=$((failed + 1))
    finish
}
finish() { # [REASON]
    [ -z "${1-}" ] || {
        echo "SKIPPED $1"
        skipped=$((skipped + 1))
    }
    [ "$failed" = 0 ] || { tail -n 40 /run/daemon.log /run/explained; ask events --last 60; }
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

config=/etc/nezuban.toml
ask() { nezuban "$@" -c "$config" --socket /run/nezuban/control.sock; }

# The next event of the rule that has all of these words; everything before it is passed over.
event=''
await() { # WORD…
    while read -r -t "$((20 * NEZUBAN_PATIENCE))" event <&3; do
        for word in '"rule":"nfsd"' "$@"; do
            case $event in *"$word"*) ;; *) continue 2 ;; esac
        done
        return 0
    done
    return 1
}
says() { # WORDS IN TEXT: of the last event
    case $event in *"$1"*) return 0 ;; *) return 1 ;; esac
}
rule_is() { # STATE COUNT
    ask status nfsd --json >/run/status
    grep -q "\"state\":\"$1\"" /run/status && grep -q "\"count\":$2," /run/status
}
becomes() { # COMMAND…: asked again until it is so
    tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt "$((100 * NEZUBAN_PATIENCE))" ] || return 1
        usleep 100000
    done
}

server_pids() {
    for folder in /proc/[0-9]*; do
        [ "$(cat "$folder/comm" 2>/dev/null)" = nfsd ] && echo "${folder#/proc/}"
    done
}
# None is pending, for the thread or for what would be its process.
unsignalled() {
    for pid in $(server_pids); do
        [ "$(grep -cE '^S(ig|hd)Pnd:[[:space:]]*0+$' "/proc/$pid/status")" = 2 ] || return 1
    done
}
threads_are() { [ "$(cat /proc/fs/nfsd/threads)" = "$1" ]; }

# --- a server ----------------------------------------------------------------------------------------------------------
server='rpc.nfsd -N 3 -G 10'
mkdir -p /export /mnt /var/lib/nfs /run/nezuban
: >/var/lib/nfs/etab
: >/var/lib/nfs/rmtab
truncate -s 32M /root/disk
mkfs.ext4 -q -F /root/disk
mount -t nfsd nfsd /proc/fs/nfsd
mount -o loop /root/disk /export || finish 'no file system on a loop device'
$server 8 || broken 'the kernel starts no NFS server'
echo Y >/proc/fs/nfsd/v4_end_grace 2>/dev/null # 7.2 refuses, and has a grace period of 10 s
rpc.mountd -N 3
exportfs -o rw,no_root_squash,fsid=0,insecure,no_subtree_check 127.0.0.1:/export

cat >"$config" <<END
[daemon]
state_dir = "/var/lib/nezuban"
socket = "/run/nezuban/control.sock"

[[process]]
name = "nfsd"
match.comm = "nfsd"
match.kernel_thread = true
count.min = 8
hang.uninterruptible = "2s"
hang.action = "restart"
restart.command = ["sh", "-c", "! grep -q hung /run/why || exit 0; exec $server 8"]
restart.settle = "1s"
restart.delay = "100ms"
restart.attempts = 100
END
ask check || broken 'the configuration is refused'
mkfifo /run/events
nezuban run -c "$config" >/run/daemon.log 2>&1 &
daemon=$!
# Opened for both, so that it waits for nobody.
exec 3<>/run/events
becomes ask status >/dev/null 2>&1
# All that there is: without --since only the last ten, and an emulated machine may begin it when eleven have happened.
nezuban events -f --since 1h --json -c "$config" >/run/events &

# --- stories -------------------------------------------------------------------------------------------------------------
: >/run/why
check 'the rule sees all threads of the server' becomes rule_is ok 8

echo 0 >/proc/fs/nfsd/threads
check 'none is too few' await '"event":"under"' 'at least 8 wanted' # told with the first that ends
check 'the restart command is run' await '"event":"restart"'
check 'it is mended by that' await '"event":"recovered"'
check 'all threads are there again' becomes rule_is ok 8

echo 5 >/proc/fs/nfsd/threads
if threads_are 5; then
    check 'some are too few' await '"event":"under"' 'at least 8 wanted'
    check 'and are completed' await '"event":"recovered"'
    check 'to what the rule wants' becomes rule_is ok 8
else
    echo "SKIPPED this kernel takes no threads away but all"
    skipped=$((skipped + 1))
fi

mount.nfs4 127.0.0.1:/ /mnt -o vers=4.2,soft,timeo=600 || broken 'the server could not be mounted'
echo before >/mnt/file
echo hung >/run/why # the command, which would wait for what hangs, does nothing
fsfreeze --freeze /export
(echo during >>/mnt/file) &
check 'a thread in D hangs' await '"event":"hang"' '"kind":"uninterruptible"'
check 'with the name of its kind' says '"comm":"nfsd"'
check 'which no signal ends' says 'no signal ends a kernel thread'
check 'with the device' says 'loop0 (7:0), ext4 on /export'
check 'with its stack' says 'nfsd_vfs_write'
check 'the restart that the rule wants is tried' await '"event":"restart"' 'hung: '
check 'and has not mended it' await '"event":"restart_failed"' 'it still hangs'
check 'no thread of the server was signalled' unsignalled
check 'nor has one gone' threads_are 8
ask explain nfsd >/run/explained 2>&1
check 'why is explained' grep -q 'hung: .*loop0 (7:0), ext4 on /export' /run/explained
fsfreeze --unfreeze /export
check 'thawed, it goes on' await '"event":"recovered"'
echo >/run/why
check 'and the rule is well again, with all threads' becomes rule_is ok 8
check 'what was written arrived' grep -q before /mnt/file

umount /mnt
kill -TERM "$daemon"
wait "$daemon"
check 'the daemon ends well' [ $? = 0 ]
finish
