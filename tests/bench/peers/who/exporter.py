"""prometheus-process-exporter, scraped every second: it looks at processes when it is asked, and acts on nothing."""
import threading
import time
import urllib.request

import packages
from who import Peer

ADDRESS = "127.0.0.1:19256"
NOTHING = "acts on nothing"


class Exporter(Peer):
    name = "process-exporter"
    package = "prometheus-process-exporter"
    acts = False
    cannot = {"exit": NOTHING, "limit": NOTHING, "storm": NOTHING}

    def command(self, work, desk):
        conf = desk.write("exporter.yml", f"process_names:\n  - comm:\n    - {desk.idle}\n")
        return [packages.program("usr/bin/prometheus-process-exporter"), "-web.listen-address", ADDRESS, "-config.path", conf]

    def start(self, work, desk):
        child = super().start(work, desk)
        threading.Thread(target=self.scrape, args=(child, desk), daemon=True).start()
        time.sleep(1)
        return child

    def scrape(self, child, desk):
        while child.poll() is None:
            self.look(desk)
            time.sleep(1)

    def look(self, desk):
        begin = time.monotonic()
        try:
            urllib.request.urlopen(f"http://{ADDRESS}/metrics", timeout=30).read()
        except OSError:
            return None
        return (time.monotonic() - begin) * 1e3
