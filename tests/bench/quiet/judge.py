"""What the daemon said of the mix of scripts/quiet: judge.py EVENTS SAMPLES LEADERS SECONDS CPU."""
import json
import sys


def mix_of(samples, leaders):
    """pid -> name of the program that it belongs to, threads of each pid."""
    parents, threads = {}, {}
    for line in open(samples, encoding="utf-8"):
        pid, parent, count = line.split()
        parents.setdefault(pid, parent)  # before it was orphaned, if it was
        threads[pid] = int(count)
    members = {}
    for pid in parents:
        path = [pid]
        while path[-1] in parents and path[-1] not in leaders and len(path) < 100:
            path.append(parents[path[-1]])
        if path[-1] in leaders:
            members[pid] = leaders[path[-1]]
    return members, threads


def main():
    events = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    leaders = dict(line.split(" ", 1) for line in sys.argv[3].splitlines())
    members, threads = mix_of(sys.argv[2], leaders)
    hangs = [event for event in events if event["event"] == "hang"]
    ours = [event for event in hangs if str(event["pid"]) in members]
    for event in ours:
        print(f"HANG in the mix, in {members[str(event['pid'])]}:", json.dumps(event))
    for event in hangs:
        if event not in ours:
            print("HANG elsewhere:", json.dumps(event))
    for event in events:
        if event["event"] in ("lost_events", "resync"):
            print("NOTE", json.dumps(event))
    print(f"{len(hangs)} hangs in {sys.argv[4]} s: {len(ours)} in the mix ({len(members)} processes with "
          f"{sum(threads[pid] for pid in members)} threads), {len(hangs) - len(ours)} elsewhere; "
          f"the daemon used {sys.argv[5]} s of CPU")
    return 1 if hangs else 0


sys.exit(main())
