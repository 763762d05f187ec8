"""The money of an ended run, computed once more from its calls: bills from usage and rates, sums from bills. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from patterns.core.money import Price, exact_usd
from storage.run_story import RunStory, StoryCall, StoryStep

TOOL = "tool:"
"""What the `model` of a tool's call begins with."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that came out differently: of which kind, where (a path, or empty for the whole run), and how."""

    kind: str
    """`money`, `decision`, `step`, `prompt` or `result`."""
    where: str
    what: str


def recomputed_nusd(call: StoryCall) -> int:
    """Return what a call costs by its usage and the rates it was held at; raise ValueError for unreadable rates."""
    if call.state == "uncertain":
        return call.hold_nusd
    if call.model.startswith(TOOL):
        return call.actual_nusd  # its price is a figure of the roster, and no tokens tell it
    if call.state != "settled" or call.usage is None:
        return 0
    return Price.from_version(call.price_version).cost_nusd(call.usage)


def replayed_nusd(story: RunStory) -> int:
    """Return what the run costs by the usage of its calls; a call whose rates are unreadable counts as booked."""
    return sum(_recomputed_or_booked(call) for call in story.calls)


def money_differences(story: RunStory) -> Iterator[Difference]:
    """Yield where the ledger and the journal do not say what the calls come to."""
    for call in story.calls:
        yield from _of_call(call)
    for step in story.steps:
        yield from _of_step(step)
    if story.run.status == "done":
        yield from _of_run(story)


def _of_call(call: StoryCall) -> Iterator[Difference]:
    if call.state == "open":
        return
    try:
        again_nusd = recomputed_nusd(call)
    except ValueError:
        what = f"attempt {call.attempt} cannot be priced again, because the rates kept with it cannot be read"
        yield Difference("money", call.path, what)
        return
    if again_nusd != call.actual_nusd:
        booked, again = exact_usd(call.actual_nusd), exact_usd(again_nusd)
        what = f"attempt {call.attempt} was booked at {booked} and comes to {again} by its tokens"
        yield Difference("money", call.path, what)


def _of_step(step: StoryStep) -> Iterator[Difference]:
    """Compare a journalled step with the attempts of the process that finished it; later corrections are told apart."""
    if step.record is None:
        return
    last = next((call for call in step.calls if call.id == step.call_id), None)
    epoch = last.owner_epoch if last else max((call.owner_epoch for call in step.calls), default=0)
    own = [call for call in step.calls if call.owner_epoch == epoch]
    sum_nusd = sum(call.actual_nusd for call in own if call.is_paid)
    if sum_nusd == step.record.cost_nusd:
        return
    was = f"it was noted at {exact_usd(step.record.cost_nusd)}, and its attempts come to {exact_usd(sum_nusd)}"
    is_later = any((call.closed_us or 0) > step.at_us for call in own)
    yield Difference("money", step.path, f"{was}: a call was corrected afterwards" if is_later else was)


def _of_run(story: RunStory) -> Iterator[Difference]:
    run, sum_nusd = story.run, sum(call.actual_nusd for call in story.calls if call.is_paid)
    if run.cost_nusd != sum_nusd:
        is_later = any((call.closed_us or 0) > (run.finished_us or 0) for call in story.calls)
        why = ": a call was corrected afterwards" if is_later else ""
        what = f"the run was ended at {exact_usd(run.cost_nusd)}, and its calls come to {exact_usd(sum_nusd)}{why}"
        yield Difference("money", "", what)
    if story.account_nusd is not None and story.account_nusd[0] != sum_nusd:
        yield Difference(
            "money",
            "",
            f"its account counts {exact_usd(story.account_nusd[0])}, and its calls come to {exact_usd(sum_nusd)}",
        )
    if story.account_nusd is not None and story.account_nusd[1]:
        yield Difference("money", "", f"{exact_usd(story.account_nusd[1])} is still held for it")


def _recomputed_or_booked(call: StoryCall) -> int:
    try:
        return recomputed_nusd(call)
    except ValueError:
        return call.actual_nusd
