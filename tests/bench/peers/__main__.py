"""nezuban and others at the same work, in turns: scripts/bench --peers[=quick]. Results: build/peers/results.json."""
import datetime
import json
import os
import random
import signal
import subprocess
import sys
import traceback

import packages
import report
import works
from host import PROGRAMS, ROOT, Program
from who.bare import BarePidfd, EmptyBpf, Nothing
from who.check_procs import CheckProcs
from who.exporter import Exporter
from who.keepalived import Keepalived
from who.monit import Monit
from who.nezuban import Nezuban
from who.supervisor import Supervisor

SIZES = {
    "full": {"rounds": 3, "kills": 10, "limits": 5, "storms": 3, "forks": 10000, "idle": [1000, 10000, 20000, 40000],
             "seconds": 30, "pairs": 10, "churn": 1},
    "medium": {"rounds": 2, "kills": 5, "limits": 2, "storms": 2, "forks": 10000, "idle": [1000, 10000, 20000, 40000],
               "seconds": 9, "pairs": 6, "churn": 1},
    "short": {"rounds": 2, "kills": 2, "limits": 1, "storms": 2, "forks": 10000, "idle": [1000, 20000], "seconds": 6,
              "pairs": 3, "churn": 1},
    "quick": {"rounds": 1, "kills": 2, "limits": 1, "storms": 1, "forks": 4000, "idle": [1000], "seconds": 3, "pairs": 1,
              "churn": 0.5},
}
MOST_OF_ONE_PROGRAM = 20000


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    return {"kernel": os.uname().release, "cpus": os.cpu_count(), "model": model, "load": os.getloadavg()[0],
            "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "date": datetime.date.today().isoformat(),
            "revision": subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h", "--", "userspace", "bpf", "include"], capture_output=True,
                                       text=True).stdout.strip()}


def keep(results):
    with open(os.path.join(packages.FOLDER, "results.json"), "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)


def turn(results, what, peers, measure):
    """Each peer once, in random order: what the machine does meanwhile hits any of them."""
    for peer in random.sample(peers, len(peers)):
        try:
            found = measure(peer)
        except Exception as error:  # one that fails must not hide the others
            traceback.print_exc()
            results["failed"].append(f"{peer.name}, {what}: {error}")
            continue
        print(f"{what:14} {peer.name:17} {found}", flush=True)
        parts = found.items() if isinstance(found, dict) else [("", found)]
        for part, samples in parts:
            key = f"{what} {part}".strip()
            results["samples"].setdefault(key, {}).setdefault(peer.name, []).extend(samples)
        keep(results)


def idle(results, peers, number, seconds):
    with open("/proc/sys/kernel/pid_max", encoding="ascii") as file:
        if number * 1.15 > int(file.read()):
            results["failed"].append(f"{number:,} idle processes: kernel.pid_max is too low")
            return
    parts = [min(MOST_OF_ONE_PROGRAM, number - first) for first in range(0, number, MOST_OF_ONE_PROGRAM)]
    sleepers = []
    try:
        for part in parts:
            sleepers.append(Program(os.path.join(PROGRAMS, "nzsleepers"), str(part), "--name", "nzb-idle", "--life", "1200"))
        turn(results, f"idle {number}", peers, lambda peer: works.idleness(peer, seconds))
    finally:
        for each in sleepers:
            each.close()


def main():
    size_name = (sys.argv[1:] or [""])[0] or "full"
    if size_name not in SIZES:
        sys.exit(f"peers: no size {size_name}; there are: {' '.join(SIZES)}")
    if os.geteuid():
        sys.exit("peers: needs root, as the peers do")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started is ended, too
    size = SIZES[size_name]
    peers = [Nezuban(), Monit(), Keepalived(), Supervisor(), CheckProcs(), Exporter(), BarePidfd(), EmptyBpf(),
             Nothing()]
    missing = packages.fetch([peer.package for peer in peers if peer.package])
    peers = [peer for peer in peers if peer.package not in missing]
    results = {"size": size_name, "machine": machine(), "versions": packages.VERSIONS, "samples": {},
               "failed": [f"{name}: can't be fetched" for name in missing]}

    def able(work):
        return [peer for peer in peers if work not in peer.cannot]


    for _ in range(size["rounds"]):
        turn(results, "exit", able("exit"), lambda peer: works.exits(peer, size["kills"]))
        turn(results, "limit", able("limit"), lambda peer: works.limits(peer, size["limits"]))
    for _ in range(size["storms"]):
        turn(results, "storm", able("storm"), lambda peer: works.storms(peer, size["forks"], 5000))
    for _ in range(size["pairs"]):
        turn(results, "forks", able("forks"), lambda peer: works.throughput(peer, size["churn"]))
    for number in size["idle"]:
        idle(results, able("idle"), number, size["seconds"])

    results["machine"]["load_after"] = os.getloadavg()[0]
    results["cannot"] = {peer.name: peer.cannot for peer in peers}
    keep(results)
    report.write(results, into_docs=size_name != "quick")


main()
