"""Processes of the bench's own, what they cost, and the named pipe in which a command says when it ran."""
import json
import os
import select
import signal
import subprocess
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
PROGRAMS = os.path.join(ROOT, "build/release/programs")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def text_of(path):
    """Empty when it is gone: processes end while they are looked at."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def family(pid):
    """It and all its descendants; of 20,000 others nothing is read."""
    found = [pid]
    for each in found:
        for task in os.listdir(f"/proc/{each}/task") if os.path.exists(f"/proc/{each}/task") else []:
            found += [int(word) for word in text_of(f"/proc/{each}/task/{task}/children").split()]
    return found


def cpu_ns(pid):
    """Time on a processor, of ended children too: a poller may be nothing but these. Theirs is counted in ticks."""
    total = 0
    for each in family(pid):
        fields = text_of(f"/proc/{each}/stat").rpartition(")")[2].split()
        if len(fields) > 14:
            total += (int(fields[13]) + int(fields[14])) * TICK_NS
        for task in os.listdir(f"/proc/{each}/task") if os.path.exists(f"/proc/{each}/task") else []:
            ran = text_of(f"/proc/{each}/task/{task}/schedstat").split()
            total += int(ran[0]) if ran else 0
    return total


def resident_mib(pid):
    kib = 0
    for each in family(pid):
        kib += sum(int(line.split()[1]) for line in text_of(f"/proc/{each}/status").splitlines() if line[:6] == "VmRSS:")
    return kib / 1024


def end(child, patience=10):
    """Only who was started here, by its handle."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for stream in (child.stdin, child.stdout):
        if stream:
            try:
                stream.close()
            except OSError:
                pass


class Program:
    """A helper that says a line when it is ready, and ends when its standard input does."""

    def __init__(self, path, *words):
        self.child = subprocess.Popen([path, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ready = self.line(90)
        self.pid = self.child.pid

    def line(self, patience):
        if not select.select([self.child.stdout], [], [], patience)[0]:
            raise TimeoutError(f"{self.child.args} says nothing")
        return json.loads(self.child.stdout.readline())

    def send(self, word):
        self.child.stdin.write(word + "\n")
        self.child.stdin.flush()

    def close(self):
        try:
            self.child.stdin.close()
            self.child.wait(60)
        except (OSError, subprocess.TimeoutExpired):
            pass
        end(self.child)


class Mark:
    """Commands write the time at which they ran into a named pipe: nothing is polled."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.file = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def forget(self):
        try:
            while os.read(self.file, 4096):
                pass
        except BlockingIOError:
            pass

    def after(self, begin_ns, patience):
        """Milliseconds from then to the first command that ran since; None when none did."""
        deadline = time.monotonic() + patience
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.file], [], [], left)[0]:
                break
            for line in os.read(self.file, 4096).split():
                if int(line) >= begin_ns:
                    return (int(line) - begin_ns) / 1e6
        return None
