"""Where the official npm packages are: installed once, by the lock, into a cache outside the source tree.

``python tests/intake/packages.py`` installs them; `make clients` runs it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

LOCK = Path(__file__).parent / "clients"


def place():
    """The directory of the packages that this lock pins."""
    given = os.environ.get("REGARD_CLIENTS")
    if given:
        return Path(given)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    mark = hashlib.sha256((LOCK / "package-lock.json").read_bytes()).hexdigest()[:12]
    return cache / "regard-clients" / mark


def install():
    """Install them where they are missing; returns the directory, or why there is none."""
    where = place()
    if (where / ".installed").exists():
        return where, ""
    npm = shutil.which("npm")
    if npm is None:
        return None, "no npm here: the clients for Node and browsers are not tried"
    where.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, where / name)
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        return None, f"npm could not install the clients: {done.stderr.strip().splitlines()[-1:]}"
    (where / ".installed").touch()
    return where, ""


if __name__ == "__main__":
    found, why = install()
    print(found or why)
    sys.exit(0 if found else 1)
