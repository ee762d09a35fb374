"""One file for each that is compared. A peer says what it needs, how it is set up for a work, and what it can't do."""
import subprocess
import time


class Peer:
    name = ""
    package = None
    foreign = True  # watches processes that it didn't start
    acts = True
    cannot = {}     # work → why

    def command(self, work, desk):
        """What runs in the foreground as our child. desk: folder, mark, and the names of who is watched."""
        raise NotImplementedError

    def environment(self):
        import packages
        return packages.environment()

    def ready(self, desk):
        """Nothing tells of most of them: they have had two of their intervals."""
        time.sleep(2.5)

    def start(self, work, desk):
        log = open(desk.file(self.name.replace(" ", "-") + ".log"), "w", encoding="utf-8")
        child = subprocess.Popen(self.command(work, desk), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=self.environment(), cwd=desk.folder)
        self.ready(desk)
        if child.poll() is not None:
            raise RuntimeError(f"{self.name} ended: {open(log.name, encoding='utf-8').read()[-600:]}")
        return child

    def look(self, desk):
        """One scrape or status; None when it has none."""
        return None

    def cleanup(self):
        pass
