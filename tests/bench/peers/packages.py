"""The peers as Debian has them, unpacked into a folder: the machine stays as it was, and no service is started."""
import glob
import os
import re
import subprocess

from host import ROOT

FOLDER = os.path.join(ROOT, "build/peers")
TREE = os.path.join(FOLDER, "root")
VERSIONS = {}


def environment():
    """For a program that finds its libraries and modules in the tree."""
    library = glob.glob(os.path.join(TREE, "usr/lib/*-linux-gnu")) + glob.glob(os.path.join(TREE, "lib/*-linux-gnu"))
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(library),
            "PYTHONPATH": os.path.join(TREE, "usr/lib/python3/dist-packages"),
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}


def fetch(names):
    """Them and what they need and this machine lacks. Returns the names of those that could not be had."""
    os.makedirs(FOLDER, exist_ok=True)
    missing = []
    for name in names:
        done = os.path.join(FOLDER, name + ".unpacked")
        if not os.path.exists(done) and not unpack(name):
            missing.append(name)
            continue
        with open(done, encoding="utf-8") as file:
            VERSIONS[name] = file.read()
    return missing


def unpack(name):
    plan = subprocess.run(["apt-get", "install", "-s", "--no-install-recommends", name], capture_output=True, text=True)
    wanted = re.findall(r"^Inst (\S+)", plan.stdout, re.M) or [name]
    got = subprocess.run(["apt-get", "download", *wanted], cwd=FOLDER, capture_output=True, text=True)
    if got.returncode:
        print(f"peers: {name} can't be fetched: {got.stderr.strip()[-200:]}")
        return False
    version = ""
    for package in wanted:
        for file in glob.glob(os.path.join(FOLDER, f"{package}_*.deb")):
            subprocess.run(["dpkg", "-x", file, TREE], check=True)
            if package == name:
                version = subprocess.run(["dpkg-deb", "-f", file, "Version"], capture_output=True, text=True).stdout
    with open(os.path.join(FOLDER, name + ".unpacked"), "w", encoding="utf-8") as file:
        file.write(version.strip())
    return True


def program(path):
    return os.path.join(TREE, path)
