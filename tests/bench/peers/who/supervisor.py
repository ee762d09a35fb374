"""supervisor: starts its programs itself and waits for them."""
import subprocess
import time

import packages
from who import Peer


class Supervisor(Peer):
    name = "supervisor"
    package = "supervisor"
    foreign = False
    cannot = {"limit": "counts nothing", "storm": "counts nothing"}

    def command(self, work, desk):
        run = f"/bin/sh -c '{desk.act}; exec {desk.path(desk.victim)} --name {desk.victim} --stay --life 100'"
        program = run if work == "exit" else "/bin/sleep 600"
        self.conf = desk.write("supervisord.conf", f"[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
                          f"pidfile={desk.file('supervisord.pid')}\n[unix_http_server]\nfile={desk.file('supervisor.sock')}\n"
                          "[rpcinterface:supervisor]\n"
                          "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n"
                          f"[supervisorctl]\nserverurl=unix://{desk.file('supervisor.sock')}\n"
                          f"[program:victim]\ncommand={program}\nautorestart=true\nstartsecs=0\n")
        return ["/usr/bin/python3", packages.program("usr/bin/supervisord"), "-c", self.conf]

    def look(self, desk):
        begin = time.monotonic()
        subprocess.run(["/usr/bin/python3", packages.program("usr/bin/supervisorctl"), "-c", self.conf, "status"],
                       capture_output=True, timeout=60, env=self.environment())
        return (time.monotonic() - begin) * 1e3
