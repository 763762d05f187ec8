"""`python -m tests.bench`: every bench in turn, each in a process of its own, so that none warms up for another."""

import subprocess
import sys
import time

BENCHES = {
    "ledger_pairs": ("--postgresql",),
    "ledger_reports": (),
    "budget_peers": (),
    "budget_report": (),
    "model_call": (),
    "patterns": (),
    "workers": (),
    "startup": (),
    "acknowledgement": (),
    "commits": (),
    "runs": ("--memory",),
    "slack_pace": (),
    "hops": (),
    "rendering": ("--quiet",),
    "front_door": (),
    "crowd": (),
    "frameworks": ("--write",),
}


def main() -> int:
    """The number of benches that failed."""
    failed = 0
    for name, options in BENCHES.items():
        print(f"\n== {name}", flush=True)
        begun_s = time.monotonic()
        failed += subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *options], check=False).returncode != 0
        print(f"({time.monotonic() - begun_s:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
