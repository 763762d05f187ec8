"""Where the browser of the end-to-end tests is, and how it comes to a machine that has none."""

import os
import shutil
import subprocess

NAMES = ("chromium", "chromium-browser", "google-chrome")
# Nothing a browser does by itself may leave this machine or wait for a screen.
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)


def find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)


def bring() -> str:
    """The path of a Chromium, installed from Debian's packages when it is missing and we may."""
    if found := find():
        return found
    apt_get = shutil.which("apt-get")
    if os.geteuid() or apt_get is None:
        raise SystemExit("The browser tests need Chromium: install it (Debian: sudo apt-get install chromium).")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run([apt_get, "update", "-qq"], check=True, env=quiet, stdout=subprocess.DEVNULL)
    packages = ["chromium", "fonts-dejavu-core", "fonts-noto-color-emoji"]
    install = [apt_get, "install", "-y", "-qq", "--no-install-recommends", *packages]
    subprocess.run(install, check=True, env=quiet, stdout=subprocess.DEVNULL)
    if found := find():
        return found
    raise SystemExit("apt-get installed Chromium, but no chromium command is on the PATH.")
