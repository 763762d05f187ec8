"""Stories of runs as views, small and large, with usual and with hostile texts."""

from dataclasses import replace

from bot.messages.story_views import AttemptLine, DecisionLine, RouteLine, StepLine, StepTexts, StoryView
from bot.messages.views import Person, RunState, StepState
from patterns.core.events import MissingVoice
from patterns.core.quotes import PriceEstimate

CENT = 10_000_000
HOSTILE = (
    '</pre><script>document.title="owned"</script><img src=x onerror="document.title=1"> \x1b[2J\u202e"\'&amp; <!--'
)
TEXTS = StepTexts((("system", "Answer in two lines."), ("user", "SQLite or PostgreSQL?")), output="SQLite, for now.")


def attempt(number: int = 1, **facts: object) -> AttemptLine:
    """Return an attempt that answered."""
    usual = AttemptLine("openai/gpt-5-mini", number, 1, 3 * CENT, CENT, False, 812, 40, 2.4, "answered")
    return replace(usual, **facts)


def step(number: int, **facts: object) -> StepLine:
    """Return the step of that number, after the ones before it."""
    usual = StepLine(
        f"pipeline/{number}/writer", "writer", "writer", "openai/gpt-5-mini", StepState.DONE, 2.5 * (number - 1), 2.4,
        3 * CENT, CENT, 0, 812, 40, "finished", (attempt(),), TEXTS,
    )  # fmt: skip
    return replace(usual, **facts)


def story(steps: int = 3) -> StoryView:
    """Return an answered run of so many steps, one of which failed over to another model, with a person's decision."""
    lines = [step(number) for number in range(1, steps + 1)]
    if steps > 1:
        attempts = (
            attempt(1, is_uncertain=True, ended="its model did not respond in time"),
            attempt(2, owner=2),
        )
        lines[1] = step(2, label="critic, round 1", ended=attempts[0].ended, uncertain_nusd=CENT, attempts=attempts)
        lines[1] = replace(lines[1], state=StepState.FAILED)
    return StoryView(
        run_id="r0123456789ab",
        asker=Person("U0LEE", "Lee"),
        place="#platform",
        when="29 Nov 2026 14:02 UTC",
        request="SQLite or PostgreSQL?",
        state=RunState.PARTIAL,
        route=RouteLine("draft", "router", "It must be right", 0.92),
        price=PriceEstimate(2 * CENT, 14 * CENT, has_history=True),
        diagram=("draft: written and reviewed, up to 2 rounds", "├─ writes: writer", "└─ reviews: critic"),
        steps=tuple(lines),
        decisions=(DecisionLine("The draft of round 1", "Dana approved this draft", 11_100, 5.0),),
        seconds=14.2,
        waited_s=11_100,
        queued_s=4.0,
        held_nusd=3 * CENT * steps,
        cost_nusd=CENT * steps,
        uncertain_nusd=CENT,
        helped=2,
        did_not=1,
        answer="**SQLite**, for now.",
        notes=("The last draft was not reviewed.",),
        missing=(MissingVoice(name="critic", reason="its model did not respond in time"),),
        owners=2,
        has_texts=True,
    )


def hostile_story() -> StoryView:
    """Return a run in which every text tries to be more than text."""
    texts = StepTexts(((HOSTILE, HOSTILE),), output=HOSTILE)
    line = step(1, label=HOSTILE, agent=HOSTILE, model=HOSTILE, ended=HOSTILE, path=HOSTILE, texts=texts)
    line = replace(line, attempts=(attempt(model=HOSTILE, ended=HOSTILE),))
    return replace(
        story(),
        asker=Person("U0LEE", HOSTILE),
        place=HOSTILE,
        request=HOSTILE,
        route=RouteLine(HOSTILE, "router", HOSTILE),
        diagram=(HOSTILE,),
        steps=(line,),
        decisions=(DecisionLine(HOSTILE, HOSTILE, 3, 0.0),),
        answer=HOSTILE,
        notes=(HOSTILE,),
        missing=(MissingVoice(name=HOSTILE, reason=HOSTILE),),
        ended=HOSTILE,
    )
