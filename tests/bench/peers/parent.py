"""Starts another idle child for each line that it reads, and takes them with it: parent.py PROGRAM NAME."""
import subprocess
import sys

children = []
print('{"event": "ready"}', flush=True)
for _ in sys.stdin:
    children.append(subprocess.Popen([sys.argv[1], "--name", sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL))
for child in children:
    child.kill()
for child in children:
    child.wait()
