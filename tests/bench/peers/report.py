"""The results as tables, plots and verdicts, between markers in docs/performance.md."""
import math
import os
import statistics

import plot
from host import ROOT

BEGIN, END = "<!-- peers: begin (made by scripts/bench --peers) -->", "<!-- peers: end -->"
TITLES = {"exit": ("kill -9 → command running", "ms"), "limit": ("one more than the limit → command running", "ms"),
          "storm": ("storm: alive at once above the limit of 500", "processes"),
          "forks": ("fork+exec of the host, with against without", "%")}


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(samples):
    """Median, least to most, how many; who didn't act in time is counted, not left out of sight."""
    real = [each for each in samples if each is not None]
    missed = len(samples) - len(real)
    text = ""
    if real:
        text = f"{number(statistics.median(real))} ({number(min(real))}–{number(max(real))}, n = {len(real)})"
    return text + (f"{', ' if text else ''}{missed} not acted on in time" if missed else "")


def title_of(what):
    if what in TITLES:
        return "{} [{}]".format(*TITLES[what])
    _, count, part = what.split()
    unit = {"cpu": "CPU [% of a core]", "memory": "resident memory [MiB]", "look": "one status or scrape [ms]"}[part]
    return f"{int(count):,} idle: {unit}"


def median(results, what, peer):
    """None when nobody measured it; what was missed counts as the longest."""
    samples = results["samples"].get(what, {}).get(peer)
    if not samples:
        return None
    return statistics.median([float("inf") if each is None else each for each in samples])


def verdict(what, ours, best, times, names):
    if ours is None or best is None:
        return f"| {what} | not measured | ≥ {times}× | not shown |"
    if ours <= 0:
        return f"| {what} | {number(ours)} against {number(best)} ({names}) | ≥ {times}× | {'yes' if best > 0 else 'no'} |"
    return f"| {what} | {number(best / ours)}× ({number(ours)} against {number(best)}, {names}) | ≥ {times}× | " \
           f"{'yes' if best / ours >= times else '**no**'} |"


def best_of(results, what, peers):
    known = [(median(results, what, peer), peer) for peer in peers if median(results, what, peer) is not None]
    return min(known) if known else (None, "")


def bars(results):
    lines = ["| bar | figure | wanted | reached |", "| --- | --- | --- | --- |"]
    foreign = ["monit", "keepalived", "check_procs"]
    for what, title in (("exit", "exit acted on, against the best that watches processes it didn't start"),
                        ("storm", "overshoot in the storm, against the best peer")):
        best, who = best_of(results, what, foreign)
        lines.append(verdict(title, median(results, what, "nezuban"), best, 10, who))
    best, who = best_of(results, "exit", ["monit", "check_procs"])
    lines.append(verdict("for comparison: exit acted on, against the best that polls", median(results, "exit", "nezuban"), best, 10, who))
    best, who = best_of(results, "idle 20000 cpu", ["monit", "check_procs", "process-exporter"])
    lines.append(verdict("CPU among 20,000 idle processes, against the cheapest poller",
                         median(results, "idle 20000 cpu", "nezuban"), best, 20, who))
    lines += throughput_bar(results["samples"].get("forks", {}))
    return lines


def interval(samples):
    """In which the median of all such samples lies in 19 of 20 cases: that many of the sorted ones to either side."""
    ranked, aside = sorted(samples), math.ceil(0.98 * math.sqrt(len(samples)))
    middle = len(ranked) // 2
    return ranked[max(0, middle - aside)], ranked[min(len(ranked) - 1, middle + aside)]


def throughput_bar(forks):
    """Where the bar lies within what the samples leave open, they show neither that it is reached nor that it isn't."""
    ours = forks.get("nezuban")
    if not ours:
        return []
    least, most = interval(ours)
    reached = "yes" if least >= 97 else "**no**" if most < 97 else "by the median" if statistics.median(ours) >= 97 else "not shown"
    return [f"| fork+exec of the host, with nezuban against without | {cell(ours)} %, the median within {least:.1f}–{most:.1f}; nothing "
            f"against nothing {cell(forks.get('nothing', [])) or 'not measured'} | ≥ 97 % | {reached} |"]


def table(results):
    peers = ["nezuban", "monit", "keepalived", "check_procs", "process-exporter", "supervisor", "bare pidfd", "empty BPF", "nothing"]
    lines = ["| | " + " | ".join(peers) + " |", "| --- |" + " --- |" * len(peers)]
    for what, found in results["samples"].items():
        kind = what.split()[-1] if " " in what else what
        cells = []
        for peer in peers:
            cannot = results["cannot"].get(peer, {})
            why = cannot.get(kind) or (cannot.get("idle") if " " in what else None)
            cells.append(cell(found[peer]) if found.get(peer) else why or "–")
        lines.append(f"| {title_of(what)} | " + " | ".join(cells) + " |")
    return lines


def block(results):
    host, versions = results["machine"], results["versions"]
    lines = [BEGIN, "", "Made by `scripts/bench --peers" + ("" if results["size"] == "full" else f"={results['size']}") + "` on "
             f"{host['date']} of the sources at {host['revision']}: kernel {host['kernel']}, {host['cpus']} CPUs ({host['model']}), "
             f"{host['memory_gib']} GiB, load {host['load']:.1f} before and {host['load_after']:.1f} after (the bench's own included). "
             "Versions: " + ", ".join(f"{name} {version}" for name, version in sorted(versions.items())) + ".", "",
             *([] if host["load"] < 1 else ["**Other work ran on the machine meanwhile**: times and CPU are upper figures, and throughput "
                                            "tells little.", ""]),
             *bars(results), "", "Median (least–most, number of samples):", "", *table(results), ""]
    lines += [f"* Failed or left out: {' '.join(text.split())[:300]}" for text in results["failed"]] + [""]
    for name, title in (("exit", "exits"), ("storm", "storm"), ("idle", "CPU among idle processes")):
        lines += [f"![{title}](images/peers-{name}.svg)", ""]
    return "\n".join(lines + [END])


def write(results, into_docs):
    """into_docs: a try on small sizes leaves the page as it is."""
    text = block(results)
    print(text)
    folder = os.path.join(ROOT, "docs/images") if into_docs else os.path.join(ROOT, "build/peers")
    plot.write_all(results, folder, median)
    page = os.path.join(ROOT, "docs/performance.md")
    with open(page, encoding="utf-8") as file:
        before, begin, rest = file.read().partition(BEGIN)
    if into_docs and begin:
        with open(page, "w", encoding="utf-8") as file:
            file.write(before + text + rest.partition(END)[2])
