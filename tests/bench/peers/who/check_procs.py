"""Nagios' check_procs, every second, the shortest interval that a scheduler of such checks has."""
import subprocess
import time

import packages
from who import Peer


class CheckProcs(Peer):
    name = "check_procs"
    package = "monitoring-plugins-basic"

    def words(self, work, desk):
        check = packages.program("usr/lib/nagios/plugins/check_procs")
        names = {"exit": (desk.victim, "1:"), "limit": (desk.many, f"0:{desk.limit}"),
                 "storm": (desk.storm, f"0:{desk.storm_limit}")}
        name, allowed = names.get(work, (desk.idle, "0:60000"))
        return [check, "-C", name, "-c", allowed]

    def command(self, work, desk):
        self.last = self.words(work, desk)
        # An action once when the answer changes, as a handler of events gets it; its own time comes on top of a second.
        script = desk.write("checks", "#!/bin/sh\nbad=0\nwhile :; do\n"
                            f" if {' '.join(self.last)} >/dev/null; then bad=0\n"
                            f" elif [ $bad = 0 ]; then bad=1; {desk.act}; fi\n sleep 1\ndone\n", 0o700)
        return [script]

    def look(self, desk):
        begin = time.monotonic()
        subprocess.run(self.last, capture_output=True, timeout=60, env=self.environment())
        return (time.monotonic() - begin) * 1e3
