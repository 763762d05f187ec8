"""Files and folders for their owner alone, whatever the umask: they hold what people wrote and what they spent."""

import os
from collections.abc import Iterable
from pathlib import Path

FOLDER_MODE, FILE_MODE = 0o700, 0o600


def private_folder(path: Path, *, tighten: bool = False) -> None:
    """Create a folder for its owner alone; `tighten` one that exists, where it is ours and serves nothing else."""
    if not path.exists():
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        tighten = True  # the umask may have taken something from the owner as well
    if tighten:
        _set_mode(path, FOLDER_MODE)


def create_private(path: Path, *, is_new: bool = False) -> None:
    """Create an empty file, before a library would with the umask's mode; FileExistsError if it has to be new.

    A file that exists is never opened: closing any descriptor of a database drops the locks that SQLite holds on it in
    this process, and another process could then take itself for the last one and discard the write-ahead log.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except FileExistsError:
        if is_new:
            raise
    _set_mode(path, FILE_MODE)


def make_private(paths: Iterable[Path]) -> None:
    """Take other people's rights from those files that exist."""
    for path in paths:
        if path.exists():
            _set_mode(path, FILE_MODE)


def _set_mode(path: Path, mode: int) -> None:
    try:
        if path.stat().st_mode & 0o777 != mode:
            path.chmod(mode)
    except PermissionError:
        return  # somebody else's, who decides about it; the doctor says so
