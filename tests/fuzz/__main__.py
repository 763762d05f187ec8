"""`make fuzz SECONDS=60`: feed what reads text from outside with what coverage finds, each target for its share.

atheris is installed by `make fuzz` beside the environment of development, which does not need it. An input that breaks
a promise stands in `--keep`, and the same command with `--input FILE` runs it alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

INPUT_MAX = 4_096
"""Bytes of one input: longer ones are the business of `tests.bench.rendering`."""
SLOW_S = 10
"""Seconds after which one input counts as a hang."""


def fuzz_all(seconds: int, only: str, keep: Path) -> int:
    """Fuzz every target in a process of its own, all at once; return how many of them broke."""
    from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - a child instruments it first

    names = [name for name in TARGETS if only in ("", name)]
    keep.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(seconds), "--keep", str(keep), "--target"]
    running = {name: subprocess.Popen([*command, name]) for name in names}
    broken = [name for name, process in running.items() if process.wait() != 0]
    print(
        f"fuzzed {', '.join(names)} for {seconds} s each; " + (f"broken: {', '.join(broken)}" if broken else "all held")
    )
    return len(broken)


def fuzz_one(name: str, *, seconds: int, keep: Path, given: str) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - only here, and only where `make fuzz` brought it

    with atheris.instrument_imports(include=["bot.commands", "bot.messages", "patterns.core", "patterns.models"]):
        from tests.fuzz.targets import SEEDS, TARGETS  # noqa: PLC0415 - instrumented
    with tempfile.TemporaryDirectory() as folder:
        for at, seed in enumerate(SEEDS[name]):
            (Path(folder) / f"seed{at}").write_bytes(seed)
        limits = (f"-max_total_time={seconds}", f"-max_len={INPUT_MAX}", f"-timeout={SLOW_S}", "-rss_limit_mb=2048")
        found = f"-artifact_prefix={keep}{os.sep}{name}-"
        atheris.Setup([sys.argv[0], *((given,) if given else (*limits, folder)), found, "-verbosity=0"], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", default="", help="one target alone")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "agents-fuzz")
    parser.add_argument("--target", default="", help=argparse.SUPPRESS)
    parser.add_argument("--input", default="", help="with --target: a file to run alone")
    options = parser.parse_args()
    if options.target:
        fuzz_one(options.target, seconds=options.seconds, keep=options.keep, given=options.input)
    else:
        sys.exit(fuzz_all(options.seconds, options.only, options.keep))
