"""The subject: its rule about the work, and one that watches everything, as on any host."""
import os
import subprocess
import time

from host import ROOT
from who import Peer

BINARY = os.path.join(ROOT, "build/release/nezuban")
ANY = '[[process]]\nname = "any"\nmatch.any = true\ncount.per = "exe"\ncount.min = 0\ncount.max = 60000\n'


class Nezuban(Peer):
    name = "nezuban"

    def rules(self, work, desk):
        if work == "exit":
            return (f'[[process]]\nname = "victim"\nmatch.comm = "{desk.victim}"\nrestart.command = {desk.command()}\n'
                    'restart.attempts = 1000\nrestart.delay = "0s"\nrestart.settle = "0s"\n')
        if work == "limit":
            return (f'[[process]]\nname = "many"\nmatch.comm = "{desk.many}"\ncount.min = 0\ncount.max = {desk.limit}\n'
                    f'count.over = "run"\ncount.over_command = {desk.command()}\n')
        if work == "storm":
            return (f'[[process]]\nname = "storm"\nmatch.comm = "{desk.storm}"\ncount.min = 0\n'
                    f'count.max = {desk.storm_limit}\ncount.over = "stop-newest"\n')
        return f'[[process]]\nname = "idle"\nmatch.comm = "{desk.idle}"\ncount.min = 0\ncount.max = 60000\n'

    def command(self, work, desk):
        self.words = ["-c", desk.file("nezuban.toml"), "--socket", desk.file("nezuban.sock")]
        desk.write("nezuban.toml", f'[daemon]\nstate_dir = "{desk.file("state")}"\n'
                                   f'socket = "{desk.file("nezuban.sock")}"\n' + self.rules(work, desk) + ANY)
        return [BINARY, "run", "-c", desk.file("nezuban.toml")]

    def environment(self):
        return dict(os.environ)

    def ready(self, desk):
        for _ in range(200):
            if self.status() == 0:
                break
            time.sleep(0.05)
        time.sleep(1)

    def status(self):
        return subprocess.run([BINARY, "status", "--json", *self.words], capture_output=True).returncode

    def look(self, desk):
        begin = time.monotonic()
        self.status()
        return (time.monotonic() - begin) * 1e3
