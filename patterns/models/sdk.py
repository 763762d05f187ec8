"""The import of litellm, in this one place and as late as can be: it costs two seconds and 150 MB."""

import contextlib
import functools
import gc
import importlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Iterator
from types import ModuleType

_SWITCH_S = 0.0005
"""How long one thread may keep the others waiting during the import; Python's own 5 ms add up at the loop."""
_imported = threading.Event()
_lock = threading.Lock()
_turn = threading.Lock()


def is_imported() -> bool:
    """Return whether litellm is there without waiting."""
    return _imported.is_set()


def litellm_sdk() -> ModuleType:
    """Return litellm, imported and set up once per process; raise ImportError when that fails."""
    if not is_imported():
        with _lock:
            _import()
        _imported.set()
    return sys.modules["litellm"]


@functools.cache
def _import() -> None:
    # Both must be set before the import: no price list from the internet, no .env file out of the working folder.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    import litellm  # noqa: PLC0415 - two seconds, so only when a model is really needed

    warnings.filterwarnings("ignore", message="Items? .* on TypedDict class", category=UserWarning)  # of its own types
    from patterns.models.recorder import install  # noqa: PLC0415 - litellm has brought aiohttp along

    install(importlib.import_module("litellm.llms.custom_httpx.http_handler"))
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # its errors quote requests; ours are typed


@contextlib.contextmanager
def sharing_the_interpreter() -> Iterator[None]:
    """Let other threads have their turn often while the block imports, and collect no garbage: the loop must not stall.

    What was imported stays, so the collector need not look through it again.
    """
    with _turn:
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        gc.disable()
        try:
            yield
        finally:
            gc.enable()
            gc.freeze()
            sys.setswitchinterval(usual_s)
