"""monit, in the foreground at its fastest interval, one second."""
import subprocess
import time

import packages
from who import Peer


class Monit(Peer):
    name = "monit"
    package = "monit"

    def check(self, work, desk):
        if work == "exit":
            return (f'check process victim matching "{desk.victim} --name"\n'
                    f'  if does not exist then exec "{desk.act}"\n')
        if work in ("limit", "storm"):
            # It counts the children of one process, not the processes of one name: the work gives it that one.
            most = desk.limit if work == "limit" else desk.storm_limit
            return f'check process parent with pidfile {desk.file("parent.pid")}\n  if children > {most} then exec "{desk.act}"\n'
        return f'check process idle matching "{desk.idle}"\n'

    def command(self, work, desk):
        self.rc = desk.write("monitrc", "set daemon 1\n"
                             f'set idfile {desk.file("monit.id")}\nset statefile {desk.file("monit.state")}\n'
                             f'set httpd unixsocket {desk.file("monit.sock")} allow nobody:nothing\n'
                             + self.check(work, desk), 0o600)
        self.words = [packages.program("usr/bin/monit"), "-c", self.rc, "-p", desk.file("monit.pid")]
        return [*self.words, "-I"]

    def look(self, desk):
        begin = time.monotonic()
        subprocess.run([*self.words, "status"], capture_output=True, timeout=60, env=self.environment())
        return (time.monotonic() - begin) * 1e3
