"""A roster read from its file, with the prompts beside it."""

from collections.abc import Mapping
from pathlib import Path

from patterns.core.errors import RosterError
from patterns.roster.roster import Roster, load_roster

FILE_BYTES_MAX = 1_000_000


def roster_text(path: Path, *, hint: str = "Check its name.") -> str:
    """Return the text of a roster file; `hint` says what to do where there is none.

    Raises:
        RosterError: it cannot be read.
    """
    try:
        if path.is_dir():
            raise RosterError(f"{path} is a folder. Name the roster in it, like {path / 'roster.yml'}.")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise RosterError(f"{path} is larger than {FILE_BYTES_MAX // 1_000_000} MB, so it is no roster.")
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise RosterError(f"{path} is no UTF-8 text. Save it as UTF-8.") from None
    except OSError as error:
        raise RosterError(f"{path} cannot be read: {error.strerror or error}. {hint}") from None


def read_roster_file(path: Path, *, env: Mapping[str, str], hint: str = "Check its name.") -> Roster:
    """Return the roster of a file, checked as a whole; `env` is what its variables expand to.

    Raises:
        RosterError: with every mistake, a line each.
    """
    return load_roster(roster_text(path, hint=hint), file=path.name, env=env, folder=path.parent)
