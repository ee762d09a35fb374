"""Where one peer does one work: a folder, the names of who is watched, and the command that acts."""
import os
import shutil
import tempfile

from host import PROGRAMS, Mark


class Desk:
    victim, many, storm, idle = "nzb-victim", "nzb-many", "nzb-gale", "nzb-idle"
    limit, storm_limit = 20, 500

    def __init__(self, work):
        self.folder = tempfile.mkdtemp(prefix="nzb-peers-")
        self.mark = Mark(self.file("mark"))
        for name in (self.victim, self.many):  # some peers know a program by its file, others by its thread's name
            shutil.copy(os.path.join(PROGRAMS, "nzidle"), self.path(name))
        shutil.copy(os.path.join(PROGRAMS, "nzmark"), self.path("nzmark"))
        mark = f"{self.path('nzmark')} {self.mark.path}"
        # In a storm, whoever can't end the excess by itself may end all children of it: nothing helps more.
        end_storm = f"read -r parent <{self.file('parent.pid')} && pkill -KILL -P \"$parent\"\n" if work == "storm" else ""
        self.act = self.write("act", f"#!/bin/sh\n{end_storm}exec {mark}\n", 0o700)

    def file(self, name):
        return os.path.join(self.folder, name)

    path = file

    def command(self):
        return f'["{self.act}"]'

    def write(self, name, text, mode=0o600):
        # In one step: a bare watcher reads the pid's file while it is written.
        with open(self.file(name) + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(file.name, mode)
        os.rename(file.name, self.file(name))
        return self.file(name)

    def close(self):
        os.close(self.mark.file)
        shutil.rmtree(self.folder, ignore_errors=True)
