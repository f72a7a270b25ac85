"""Programs of the npm registry that tests run, each installed once, outside of the project."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path


def installed(home: Path) -> Path:
    """A copy of a folder with the packages its `package.json` pins; made when first asked for."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lychgate-tests"
    files = sorted(file for file in home.iterdir() if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    copy = cache / f"{home.name}-{digest[:12]}"
    copy.mkdir(parents=True, exist_ok=True)
    with open(copy / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (copy / "complete").exists():
            for file in files:
                shutil.copy(file, copy)
            _install(copy)
            (copy / "complete").touch()
    return copy


def _install(home: Path) -> None:
    command = ["npm", "install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise RuntimeError(f"npm could not install what {home.name} needs:\n{done.stderr}")
