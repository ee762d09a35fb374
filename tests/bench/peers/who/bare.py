"""The limits: a C program on a pidfd, BPF programs that do nothing, and an iterator that only counts."""
import os
import subprocess

from host import ROOT, Program
from who import Peer

HERE = os.path.join(ROOT, "tests/bench/peers")
BUILD = os.path.join(ROOT, "build/peers")


class Nothing(Peer):
    """Without against without: what a difference of throughput is worth on the machine as it is."""
    name = "nothing"
    cannot = {work: "–" for work in ("exit", "limit", "storm", "idle", "look")}

    def command(self, work, desk):
        return ["sleep", "600"]


class BarePidfd(Peer):
    name = "bare pidfd"
    cannot = {"limit": "watches one", "storm": "watches one", "idle": "watches one", "look": "has none", "forks": "watches one"}

    def command(self, work, desk):
        os.makedirs(BUILD, exist_ok=True)
        program = os.path.join(BUILD, "bare_pidfd")
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, os.path.join(HERE, "bare_pidfd.c")], check=True)
        return [program, desk.file("victim.pid"), desk.act]


class EmptyBpf(Peer):
    name = "empty BPF"
    cannot = {"exit": "does nothing", "limit": "does nothing", "storm": "does nothing"}

    def start(self, work, desk):
        os.makedirs(BUILD, exist_ok=True)
        made, loader = os.path.join(BUILD, "bare.bpf.o"), os.path.join(BUILD, "bare_bpf")
        arch = {"x86_64": "x86", "aarch64": "arm64"}[os.uname().machine]
        subprocess.run(["clang-19", "-O2", "-g", "-Wall", "-Werror", "-target", "bpf", f"-D__TARGET_ARCH_{arch}",
                        "-I", os.path.join(ROOT, "bpf"), "-c", os.path.join(HERE, "bare.bpf.c"), "-o", made], check=True)
        subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", loader, os.path.join(HERE, "bare_bpf.c"), "-lbpf"],
                       check=True)
        self.loaded = Program(loader, made)
        return self.loaded.child

    def look(self, desk):
        self.loaded.send("look")
        return self.loaded.line(10)["ms"]
