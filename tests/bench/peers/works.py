"""The works, each the same for every peer. A result is a list of samples; nothing is thrown away."""
import contextlib
import os
import random
import signal
import time

from desk import Desk
from host import PROGRAMS, Program, cpu_ns, end, family, resident_mib

PATIENCE = 5  # seconds: who hasn't acted by then has missed it


@contextlib.contextmanager
def running(peer, work, desk):
    child = None
    try:
        child = peer.start(work, desk)
        yield child
    finally:
        if child:
            end(child)
        peer.cleanup()


def exits(peer, times):
    """kill -9 → its command runs, ms; None: not acted on in time."""
    desk, found = Desk("exit"), []
    program = os.path.join(desk.folder, desk.victim)
    victim = None

    def another():
        made = Program(program, "--name", desk.victim)
        desk.write("victim.pid", str(made.pid))
        return made

    try:
        victim = another() if peer.foreign else None
        with running(peer, "exit", desk) as child:
            for _ in range(times):
                # Long enough to be known to a poller, and at any moment of its interval.
                time.sleep(2.2 + random.random())
                own = [pid for pid in family(child.pid) if pid != child.pid]
                pid = victim.pid if victim else own[0]
                desk.mark.forget()
                begin = time.monotonic_ns()
                os.kill(pid, signal.SIGKILL)
                if victim:
                    victim.child.wait()  # to ps and monit one that isn't reaped is still there
                found.append(desk.mark.after(begin, PATIENCE))
                if victim:
                    victim.close()
                    victim = another()
    finally:
        if victim:
            victim.close()
        desk.close()
    return found


def limits(peer, times):
    """One more than allowed is started → its command runs, ms."""
    found = []
    for _ in range(times):
        desk = Desk("limit")
        parent = Program("/usr/bin/python3", os.path.join(os.path.dirname(__file__), "parent.py"),
                         os.path.join(desk.folder, desk.many), desk.many)
        desk.write("parent.pid", f"{parent.pid}\n")
        try:
            for _ in range(desk.limit):
                parent.send("more")
            time.sleep(1)
            with running(peer, "limit", desk):
                time.sleep(random.random())
                desk.mark.forget()
                begin = time.monotonic_ns()
                parent.send("more")
                found.append(desk.mark.after(begin, PATIENCE))
        finally:
            parent.close()
            desk.close()
    return found


def storms(peer, forks, rate):
    """The most alive at once above what is allowed."""
    desk = Desk("storm")
    storm = Program(os.path.join(PROGRAMS, "nzstorm"), str(forks), "--name", desk.storm, "--rate", str(rate), "--wait")
    desk.write("parent.pid", f"{storm.pid}\n")
    try:
        with running(peer, "storm", desk):
            storm.send("go")
            peak = storm.line(100)["peak"]
    finally:
        storm.close()
        desk.close()
    return [peak - desk.storm_limit]


def idleness(peer, seconds):
    """Each second's CPU in % of a core, memory, and the time of looks, among whoever idles."""
    desk = Desk("idle")
    try:
        with running(peer, "idle", desk) as child:
            time.sleep(1)
            cpu = []
            last, at = cpu_ns(child.pid), time.monotonic_ns()
            # A poller's work comes in lumps that may take longer than a second.
            for _ in range(max(1, seconds // 3)):
                time.sleep(3)
                now, then = cpu_ns(child.pid), time.monotonic_ns()
                cpu.append(100 * (now - last) / (then - at))
                last, at = now, then
            memory = [resident_mib(child.pid)]
            looks = [] if "look" in peer.cannot else [look for look in (peer.look(desk) for _ in range(3)) if look is not None]
    finally:
        desk.close()
    return {"cpu": cpu, "memory": memory, "look": looks}


def starts(seconds):
    """What the machine starts in a second; its own counter."""
    def count():
        with open("/proc/stat", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("processes "))
    began, before = time.monotonic(), count()
    time.sleep(seconds)
    return (count() - before) / (time.monotonic() - began)


def throughput(peer, seconds):
    """fork+exec of a host that does nothing else, with it, in % of the mean of before and after: in one run of the work,
    because two runs of it, and a machine's speed from one minute to the next, differ by more than what is looked for."""
    desk, found = Desk("forks"), []
    work = Program(os.path.join(PROGRAMS, "nzchurn"), "110")
    try:
        time.sleep(0.3)
        before = starts(seconds)
        for _ in range(3):
            with running(peer, "forks", desk):
                having = starts(seconds)
            time.sleep(0.2)
            after = starts(seconds)
            found.append(200 * having / (before + after))
            before = after
    finally:
        work.close()
        desk.close()
    return found
