"""The one table of reasons: why an attempt, a step or a run failed, stopped or was refused, with a sentence for each.

Values are what the journal and the ledger store, so they never change and are never shown; people read `clause` and
`sentence`. A value that a newer program stored reads as `UNKNOWN`.
"""

from enum import StrEnum
from typing import NamedTuple


class Remedy(StrEnum):
    """What a person can press under an ending."""

    RETRY = "retry"
    """The same request again, as a new run."""
    CHANGE = "change"
    """The request form, filled: other words, another flow."""
    HELP = "help"
    """A message to whoever can put it right."""


class Reason(StrEnum):
    """Why an attempt, a step or a run did not come to its end."""

    # a model or its provider
    RATE_LIMIT = "rate_limit"
    QUOTA = "quota"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    TRUNCATED = "truncated"
    AUTH = "auth"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_POLICY = "content_policy"
    MALFORMED = "malformed"
    SERVER = "server"
    CIRCUIT_OPEN = "circuit_open"
    EMPTY = "empty"
    THINKING = "thinking"
    CALLS = "calls"
    LONG_SEARCH = "long_search"
    OUTPUT_CAP = "output_cap"
    INVALID_OUTPUT = "invalid_output"

    # tools
    TOOLS_CHANGED = "tools_changed"

    # money
    BUDGET = "budget"
    PAUSED = "paused"
    FROZEN = "frozen"
    QUARANTINED = "quarantined"
    CLOCK = "clock"
    DECLINED = "declined"
    NOT_AGREED = "not_agreed"
    NOT_GRANTED = "not_granted"

    # limits of the run
    RUN_S = "run_s"
    STEPS = "steps"
    DEPTH = "depth"

    # the work around it
    STOPPED = "stopped"
    OTHERS_FAILED = "others_failed"
    NOT_REACHED = "not_reached"
    UNFINISHED = "unfinished"
    NO_ANSWER = "no_answer"
    SHELL_ENDED = "shell_ended"
    INTERNAL = "internal"

    # what the ledger keeps of a call without a bill
    NO_USAGE = "the provider sent no usage"
    NEVER_SENT = "never sent"
    OWNER_ENDED = "its owner ended"
    PROCESS_ENDED = "the process that sent it ended before an answer"

    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "Reason":  # noqa: ARG003 - the enum's own signature
        return cls.UNKNOWN

    def clause(self, *, model: str = "", budget: str = "the budget", since: str = "") -> str:
        """Return the reason as a clause to stand after a name: `its provider was overloaded`.

        `model` is the model's name where the text has not spoken of an agent before, `budget` what people call the
        account, `since` the moment since when a provider has been failing.
        """
        return TABLE[self].clause.format(
            model=model or "its model",
            provider=f"the provider of {model}" if model else "its provider",
            answer=f"the answer of {model}" if model else "its answer",
            budget=budget,
            since=f" since {since}" if since else "",
        )

    def sentence(self, *, model: str = "", budget: str = "the budget", owner: str = "an admin", since: str = "") -> str:
        """Return the reason as a sentence, followed by what can be done about it."""
        return f"{self.statement(model=model, budget=budget, since=since)} {self.advice(owner=owner)}".rstrip()

    @property
    def remedies(self) -> tuple[Remedy, ...]:
        """Return what can be pressed under an ending for this reason, the likeliest first; never empty."""
        return TABLE[self].remedies

    def statement(self, *, model: str = "", budget: str = "the budget", since: str = "") -> str:
        """Return the reason as a sentence of its own; a model's name keeps its case."""
        clause = self.clause(model=model, budget=budget, since=since)
        first = clause[:1] if model and clause.startswith(model) else clause[:1].upper()
        return f"{first}{clause[1:]}."

    def advice(self, *, owner: str = "an admin") -> str:
        """Return the sentence that says what can be done and by whom; empty where there is nothing to do."""
        text = TABLE[self].advice.format(owner=owner)
        return f"{text[:1].upper()}{text[1:]}"


class _Text(NamedTuple):
    clause: str
    advice: str = ""
    remedies: tuple[Remedy, ...] = (Remedy.RETRY,)


_RAISE = "Ask for less at once, or have the limit raised in the roster."
_WITHOUT_BILL = "{owner} can look it up at the provider and release it if it was not billed."

TABLE: dict[Reason, _Text] = {
    Reason.RATE_LIMIT: _Text("{provider} had no room", "Wait a minute and try again."),
    Reason.QUOTA: _Text(
        "our account at {provider} is used up", "{owner} must top it up there.", remedies=(Remedy.HELP, Remedy.RETRY)
    ),
    Reason.OVERLOADED: _Text("{provider} was overloaded", "Try again in a few minutes."),
    Reason.TIMEOUT: _Text(
        "{model} did not respond in time", "Try again, or ask for less at once.", remedies=(Remedy.RETRY, Remedy.CHANGE)
    ),
    Reason.CONNECTION: _Text(
        "{model} could not be reached",
        "{owner} can check its address with `agents doctor`.",
        remedies=(Remedy.RETRY, Remedy.HELP),
    ),
    Reason.TRUNCATED: _Text("{answer} broke off", "Try again."),
    Reason.AUTH: _Text(
        "{provider} refused our key",
        "{owner} must check it with `agents doctor`.",
        remedies=(Remedy.HELP, Remedy.RETRY),
    ),
    Reason.BAD_REQUEST: _Text(
        "{provider} refused the request",
        "{owner} must check the model in the roster.",
        remedies=(Remedy.HELP, Remedy.CHANGE),
    ),
    Reason.CONTEXT_LENGTH: _Text(
        "the material was too long for {model}",
        "Shorten it, or choose a model with a larger context.",
        remedies=(Remedy.CHANGE,),
    ),
    Reason.CONTENT_POLICY: _Text(
        "{provider} refused the content of the request", "Rephrase it.", remedies=(Remedy.CHANGE,)
    ),
    Reason.MALFORMED: _Text(
        "{provider} sent nothing readable",
        "Try again, or have {owner} check its address in the roster.",
        remedies=(Remedy.RETRY, Remedy.HELP),
    ),
    Reason.SERVER: _Text("{provider} had an internal error", "Try again in a few minutes."),
    Reason.CIRCUIT_OPEN: _Text(
        "{provider} has been failing{since}, so it was not asked",
        "Try again in a few minutes.",
    ),
    Reason.EMPTY: _Text(
        "{model} sent an empty answer", "Try again, or ask differently.", remedies=(Remedy.RETRY, Remedy.CHANGE)
    ),
    Reason.THINKING: _Text(
        "{model} used up its whole output by thinking, before it wrote a word",
        "Try again, ask for less, or have {owner} raise max_output_tokens of the agent.",
        remedies=(Remedy.RETRY, Remedy.CHANGE, Remedy.HELP),
    ),
    Reason.CALLS: _Text(
        "{model} asked for a tool that it may not use, instead of answering",
        "Try again, or ask differently.",
        remedies=(Remedy.RETRY, Remedy.CHANGE),
    ),
    Reason.LONG_SEARCH: _Text(
        "{provider} paused it in a long search, before it wrote a word",
        "Try again, or ask for less at once.",
        remedies=(Remedy.RETRY, Remedy.CHANGE),
    ),
    Reason.OUTPUT_CAP: _Text(
        "the output limit of the agent is higher than {model} allows",
        "{owner} must lower max_output_tokens of the agent or reasoning_tokens_max of the model.",
        remedies=(Remedy.HELP, Remedy.CHANGE),
    ),
    Reason.INVALID_OUTPUT: _Text(
        "{answer} did not have the required form",
        "Try again, or ask differently.",
        remedies=(Remedy.RETRY, Remedy.CHANGE),
    ),
    Reason.TOOLS_CHANGED: _Text(
        "a server described its tools otherwise while they were in use, so what was approved may not be what it does",
        "Try again; {owner} can look at the tools with `agents tools list`.",
        remedies=(Remedy.RETRY, Remedy.HELP),
    ),
    Reason.BUDGET: _Text(
        "the budget did not allow it", "Ask {owner} for more.", remedies=(Remedy.HELP, Remedy.CHANGE, Remedy.RETRY)
    ),
    Reason.PAUSED: _Text("{budget} is paused", "{owner} can resume it.", remedies=(Remedy.HELP, Remedy.RETRY)),
    Reason.FROZEN: _Text("{budget} is frozen", "{owner} can unfreeze it.", remedies=(Remedy.HELP, Remedy.RETRY)),
    Reason.QUARANTINED: _Text(
        "{model} was taken out of use, because the provider billed more than our highest estimate",
        "{owner} can put it back into use.",
        remedies=(Remedy.HELP, Remedy.CHANGE, Remedy.RETRY),
    ),
    Reason.CLOCK: _Text(
        "the clock of the machine I run on is wrong, so I cannot tell which month this belongs to",
        "{owner} can set it.",
        remedies=(Remedy.HELP, Remedy.RETRY),
    ),
    Reason.DECLINED: _Text(
        "the price was declined, so nothing more was started", remedies=(Remedy.CHANGE, Remedy.RETRY)
    ),
    Reason.NOT_AGREED: _Text(
        "nobody agreed to the price, so nothing more was started", remedies=(Remedy.CHANGE, Remedy.RETRY)
    ),
    Reason.NOT_GRANTED: _Text(
        "no more budget came, so this is final", remedies=(Remedy.HELP, Remedy.CHANGE, Remedy.RETRY)
    ),
    Reason.RUN_S: _Text("the time for the run was over", _RAISE, remedies=(Remedy.CHANGE, Remedy.RETRY, Remedy.HELP)),
    Reason.STEPS: _Text(
        "the run reached its limit of steps", _RAISE, remedies=(Remedy.CHANGE, Remedy.RETRY, Remedy.HELP)
    ),
    Reason.DEPTH: _Text(
        "its patterns are nested too deep",
        "{owner} must flatten the flow in the roster.",
        remedies=(Remedy.CHANGE, Remedy.HELP),
    ),
    Reason.STOPPED: _Text("the run was stopped", remedies=(Remedy.RETRY, Remedy.CHANGE)),
    Reason.OTHERS_FAILED: _Text("it was stopped because too many other voices had failed"),
    Reason.NOT_REACHED: _Text("it was not reached"),
    Reason.UNFINISHED: _Text("it did not finish"),
    Reason.NO_ANSWER: _Text("it gave no answer"),
    Reason.SHELL_ENDED: _Text("the shell that ran this ended before its answer"),
    Reason.INTERNAL: _Text(
        "something went wrong on my side", "{owner} can find it in the log.", remedies=(Remedy.RETRY, Remedy.HELP)
    ),
    Reason.NO_USAGE: _Text("{provider} did not say what it cost", _WITHOUT_BILL),
    Reason.NEVER_SENT: _Text("it was never sent"),
    Reason.OWNER_ENDED: _Text("the process that held the money ended before it was sent"),
    Reason.PROCESS_ENDED: _Text("the process that sent it ended before an answer", _WITHOUT_BILL),
    Reason.UNKNOWN: _Text(
        "the reason is not known to this version",
        "{owner} can find it in the log.",
        remedies=(Remedy.RETRY, Remedy.HELP),
    ),
}
