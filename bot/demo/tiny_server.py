"""The tiny model's server, a separate program: llama.cpp's, as xllamacpp brings it compiled for any processor.

It is started as a file and imports nothing of ours, so that it needs only its folder of packages.
"""

import argparse
import signal
import sys


def main() -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("packages", "model", "alias"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("port", "threads", "slots", "context"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    sys.path.insert(0, asked.packages)
    from xllamacpp import CommonParams, Server  # noqa: PLC0415 - only found there

    params = CommonParams()
    params.model.path, params.model_alias = asked.model, {asked.alias}
    params.hostnames, params.port = ["127.0.0.1"], asked.port
    params.n_ctx, params.n_parallel = asked.context * asked.slots, asked.slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = asked.threads
    params.ui = False
    server = Server(params)
    print(f"listening on {server.listening_address}", flush=True)  # noqa: T201 - into its log
    signal.pause()


if __name__ == "__main__":
    main()
