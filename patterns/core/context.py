"""The context of a run as one frozen value: agents share nothing that is not in it or handed on by name."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of the immutable values here; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Turn(Frozen):
    """One earlier exchange of the thread, from the stored transcript."""

    role: Literal["user", "assistant"]
    text: str


class Artifact(Frozen):
    """Material that came with the request: a file, an image or a quoted thread. Always untrusted."""

    name: str
    media_type: str
    text: str = ""
    data_base64: str = ""
    note: str = ""


class TaskContext(Frozen):
    """One request, from the person to the last agent.

    `run_id` is the correlation id of every log line, journal step and ledger row. `channel_kind` decides which
    monthly account pays: the channel's, or the person's own in a direct message.
    """

    run_id: str
    workspace: str
    channel: str
    channel_kind: Literal["channel", "dm"]
    thread: str
    user: str
    request: str
    history: tuple[Turn, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
