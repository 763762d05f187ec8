"""Sentences of what people ask for: help, agents, flows, balances, runs, details, and our questions back."""

import json
from collections.abc import Sequence
from typing import Any

from bot.messages.card_views import ReviewView, RoundView
from bot.messages.flow_text import examples
from bot.messages.list_views import AgentLine, AgentsView, BalancesView, HelpView, RunLine
from bot.messages.mrkdwn import Mrkdwn, clip, join, mrkdwn, size, titled_link
from bot.messages.notice_views import InviteView, NearMissView, NoticeView, UnclearReplyView
from bot.messages.outcome_text import balance
from bot.messages.pagination import Profile, paginate
from bot.messages.run_text import (
    came_with,
    count,
    dry_label,
    duration,
    left,
    listed,
    person,
    play_money_label,
    run_state,
    short,
    usd,
)
from bot.messages.views import DetailsView
from patterns.core.events import MissingVoice

DRAFT_MAX = 6_000
"""Characters of a draft on its card, as JSON; the verdict above it needs the rest."""
DECIDED_MAX = 600
"""Characters of a draft once it is decided."""
EMPTY = "(The draft is empty.)"
ROUND_MAX = 2_500
"""Characters of the draft of a finished round."""
VERDICT_LINES = 12
RUNS_MAX = 12_000
"""Characters, as JSON, of the requests in one list."""
RUN_FRAME = 350
"""Characters of the layout around one of them, its button included."""
_TONES = {"info": "", "warning": "⚠️ ", "error": "❌ "}


def _lines(lines: list[Mrkdwn], empty: str) -> Mrkdwn:
    return join("\n", lines) or Mrkdwn(empty)


def agents(view: AgentsView) -> Mrkdwn:
    """Return the agents a person would ask, under the flows they answer in, or all of them with their models."""
    known = {agent.name: agent for agent in view.agents}
    shows_all = view.shows_all or not any(flow.choices for flow in view.flows)
    told: set[str] = set()
    groups = []
    for flow in view.flows:
        names = [name for name in (flow.agents if shows_all else flow.choices) if name in known]
        told |= set(names)
        if names:
            head = mrkdwn("`{name}`: {what}", name=short(flow.name, 60), what=short(flow.description, 200))
            groups.append(join("\n", [head, *(_agent(known[name], shows_all=shows_all) for name in names)]))
    rest = [agent for agent in view.agents if agent.name not in told]
    if rest and shows_all:
        title = [Mrkdwn("In no flow of their own:")] if groups else []
        groups.append(join("\n", [*title, *(_agent(agent, shows_all=True) for agent in rest)]))
    elif rest:
        groups.append(_inside(view, len(rest)))
    return _lines([join("\n\n", groups)] if groups else [], "The roster has no agents.")


def _agent(agent: AgentLine, *, shows_all: bool) -> Mrkdwn:
    line = mrkdwn("• *{name}*: {what}", name=short(agent.name, 60), what=short(agent.description, 200))
    return join(" · ", [line, short(agent.model, 60)] if shows_all else [line])


def _inside(view: AgentsView, number: int) -> Mrkdwn:
    """Return the line on agents who are not asked themselves, and the way to see them."""
    named = listed([flow.name for flow in view.flows if set(flow.agents) - set(flow.choices)])
    where = mrkdwn(" in {flows}", flows=named) if named else Mrkdwn()
    return mrkdwn(
        "{number} {verb} behind them{where}. `/agents agents all` shows everybody.",
        number=count(number, "more agent"),
        verb="works" if number == 1 else "work",
        where=where,
    )


def runs(lines: Sequence[RunLine]) -> Mrkdwn:
    """Return recent runs, newest first."""
    return _lines([run(line) for line in lines], "No requests here yet. Try `/agents` and a question.")


def runs_shown(lines: Sequence[RunLine]) -> list[RunLine]:
    """Return the newest of the requests, as many as fit into one message."""
    kept: list[RunLine] = []
    used = 0
    for line in lines:
        used += size(json.dumps(run(line), ensure_ascii=False)) + RUN_FRAME
        if used > RUNS_MAX:
            break
        kept.append(line)
    return kept


def run(line: RunLine) -> Mrkdwn:
    """Return one run: how it stands, what was asked, what it cost, its thread, and the id that commands take."""
    return join(
        " · ",
        [
            run_state(line.state),
            dry_label(dry=line.dry),
            short(line.request, 120),
            usd(line.cost_nusd),
            short(line.when, 60),
            titled_link(line.link, "open it") if line.link else Mrkdwn(),
            mrkdwn("`{run}`", run=line.run_id),
        ],
    )


def balances(view: BalancesView) -> Mrkdwn:
    """Return what is left, one account per line, and when the next month starts."""
    said = [mrkdwn("{line}. It resets on {day}.", line=balance(b), day=short(b.resets_on, 40)) for b in view.balances]
    label = [Mrkdwn("play money")] if view.play_money else []
    return join("\n", [_lines(said, "No budget here yet."), *label])


def details_total(view: DetailsView) -> Mrkdwn:
    """Return the first line of the details: the total price."""
    tokens = sum(m.input_tokens + m.output_tokens for m in view.models)
    flow = mrkdwn("`{flow}`", flow=short(view.run.flow, 60)) if view.run.flow else Mrkdwn()
    labels = [dry_label(dry=view.run.dry), play_money_label(view.run)]
    return join(" · ", [flow, usd(view.cost_nusd), duration(view.seconds), count(tokens, "token"), *labels])


def details_more(view: DetailsView) -> Mrkdwn:
    """Return what the answer's one line leaves out: the bound, the channel's money, what was read, who is missing."""
    run, owner = view.run, person(view.owner) if view.owner else Mrkdwn("an admin")
    free = (
        mrkdwn("{free} is left in {name}.", name=short(run.balance.name, 80), free=left(run.balance))
        if run.balance
        else Mrkdwn()
    )
    unsure = mrkdwn(
        "{amount} of this is counted for calls that nobody can confirm, because their answer was lost on the way. "
        "{owner} can correct it.",
        amount=usd(view.uncertain_nusd),
        owner=owner,
    )
    said = [free, came_with(run), missing_voices(view.missing), unsure if view.uncertain_nusd else Mrkdwn()]
    return join("\n", said)


def missing_voices(voices: Sequence[MissingVoice]) -> Mrkdwn:
    """Return who is not in the answer and why, a line each."""
    return join(
        "\n",
        [
            mrkdwn("{name} is missing: {why}.", name=short(voice.name, 80), why=short(voice.reason.rstrip("."), 300))
            for voice in voices
        ],
    )


def run_id(value: str) -> Mrkdwn:
    """Return the line with the run id to quote to an admin."""
    return mrkdwn("Run `{run}`", run=short(value, 80))


def help_text(view: HelpView) -> Mrkdwn:
    """Return how to ask, with examples that work as they stand."""
    return mrkdwn(
        "*Ask a team of agents; the answer comes in a thread, with what it cost.*\n"
        "`{c} compare SQLite and PostgreSQL for our event log`: I choose who works on it\n"
        "{examples}"
        "`{c} ask help me plan the offsite`: a request that starts like a command\n"
        "`{c} agents` · `{c} flows` · `{c} balance` · `{c} budget` · `{c} runs` · `{c} show` · `{c} stats` · "
        "`{c} stop`: each answers only to you\n"
        "In a thread, where commands do not work, mention me instead: `{m} write a reply to this`",
        examples=Mrkdwn(f"{examples(view.example, command=view.command)}\n") if view.example else "",
        c=view.command,
        m=view.mention,
    )


def near_miss(view: NearMissView) -> Mrkdwn:
    """Return the question about a probable typo."""
    return mrkdwn(
        "Did you mean the command `{suggestion}`, or is {word} the start of a request?",
        suggestion=short(view.suggestion, 60),
        word=short(f"“{view.word}”", 62),
    )


def unclear_reply(view: UnclearReplyView) -> Mrkdwn:
    """Return the private question about a reply that neither approves nor clearly asks for changes."""
    return mrkdwn(
        "Is {said} a yes to the draft, or something to change in it? Until you choose, nothing happens and nothing is "
        "spent.",
        said=short(f"“{view.text}”", 200),
    )


def edited() -> Mrkdwn:
    """Return the question about an edited request: the run in progress is paid for, so nothing restarts by itself."""
    return Mrkdwn("You edited your request after I had started. I am still working on the first version.")


def invite(view: InviteView) -> Mrkdwn:
    """Return what to do where we may not post."""
    return mrkdwn(
        "I cannot post here. Invite me with `/invite @{bot}`, or run this in our DM. Your request is kept.",
        bot=short(view.bot_name, 60),
    )


def notice(view: NoticeView) -> Mrkdwn:
    """Return the notice, one line per sentence, with the code under which the log has details."""
    code = mrkdwn(" (code `{code}`)", code=short(view.code, 40)) if view.code else ""
    text = join("\n", [short(line, 2000) for line in view.text.splitlines()])
    return mrkdwn("{icon}{text}{code}", icon=_TONES[view.tone], text=text, code=code)


def review(view: ReviewView) -> Mrkdwn:
    """Return the head of the review card."""
    head = mrkdwn("*{title}* · round {round}", title=short(view.title, 150), round=str(view.round))
    if view.decided:
        return join("\n", [head, short(view.decided, 600)])
    return join("\n", [head, _verdict(view.verdict)])


def reviewed(view: RoundView) -> Mrkdwn:
    """Return the summary of a round that another follows."""
    head = mrkdwn("*Round {round}* · the next draft answers what is still open", round=str(view.round))
    return join("\n", [head, _verdict(view.verdict)])


def reviewed_draft(view: RoundView) -> Mrkdwn:
    """Return that round's draft; Slack folds a long one."""
    return _quoted(view.draft, ROUND_MAX)


def _quoted(markdown: str, limit: int) -> Mrkdwn:
    """Return a draft as a quotation, visibly cut at `limit`."""
    first = paginate(markdown.strip() or EMPTY, "plain", limit * 2)[0]
    text = clip(join("\n\n", [unit.text for unit in first]), limit)
    return Mrkdwn("> " + text.replace("\n", "\n> "))


def _verdict(words: str) -> Mrkdwn:
    if not words.strip():
        return Mrkdwn()
    return join("\n", [short(line, 300) for line in f"The reviewer: {words}".splitlines()[:VERDICT_LINES]])


def review_asks(view: ReviewView) -> Mrkdwn:
    """Return who may decide until when, below the draft."""
    who = "{asker}, decide or write in this thread what should change."
    if view.has_approvers:
        who = "{asker}, you or a named approver can decide, or write in this thread what should change."
    if view.is_optional:
        who = "{asker}, reply here with what should change, or let it continue."
    asks = mrkdwn(who, asker=person(view.run.asker))
    return join(" ", [asks, short(view.deadline, 200)])


def draft(view: ReviewView, profile: Profile) -> list[dict[str, Any]]:
    """Return the draft under review as blocks; the card says so when only its beginning fits."""
    if view.decided:
        # An approved draft follows as the answer, so it is not repeated here.
        quote = {"type": "mrkdwn", "verbatim": True, "text": _quoted(view.draft, DECIDED_MAX)}
        return [{"type": "section", "text": quote}] if view.draft else []
    first, *more = paginate(view.draft.strip() or EMPTY, profile, DRAFT_MAX)
    blocks = [unit.block for unit in first]
    if more:
        said = "_The draft goes on; Edit shows all of it._"
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": said}]})
    return blocks
