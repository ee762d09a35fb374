"""keepalived's process tracking: told of forks and exits by the kernel, as we are; it acts by a VRRP state."""
import subprocess

import packages
from who import Peer

LINK = "nzbpeer0"


class Keepalived(Peer):
    name = "keepalived"
    package = "keepalived"
    cannot = {"look": "its state is a file that it writes when signalled"}

    def command(self, work, desk):
        what = {"exit": f"process {desk.victim}\n quorum 1", "limit": f"process {desk.many}\n quorum 0\n quorum_max {desk.limit}",
                "storm": f"process {desk.storm}\n quorum 0\n quorum_max {desk.storm_limit}"}
        tracked = what.get(work, f"process {desk.idle}\n quorum 0")
        self.cleanup()
        # An interface of its own: it insists on one, and the machine's are not ours.
        subprocess.run(["ip", "link", "add", LINK, "type", "veth", "peer", "name", "nzbpeer1"], check=True)
        for link in (LINK, "nzbpeer1"):
            subprocess.run(["ip", "link", "set", link, "up"], check=True)
        subprocess.run(["ip", "address", "add", "198.51.100.2/24", "dev", LINK], check=True)
        conf = desk.write("keepalived.conf", "global_defs {\n router_id nzb\n script_user root\n}\n"
                          f"vrrp_track_process watched {{\n {tracked}\n weight 0\n}}\n"
                          f"vrrp_instance one {{\n state BACKUP\n interface {LINK}\n virtual_router_id 51\n priority 100\n"
                          " virtual_ipaddress {\n  198.51.100.77/32\n }\n track_process {\n  watched\n }\n"
                          f' notify_fault "{desk.act}"\n}}\n')
        return [packages.program("usr/sbin/keepalived"), "-n", "-l", "-P", "-f", conf, "-p", desk.file("keepalived.pid"),
                "-r", desk.file("vrrp.pid")]

    def cleanup(self):
        subprocess.run(["ip", "link", "del", LINK], capture_output=True)
