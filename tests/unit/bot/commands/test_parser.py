import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.budget import SetAmount, ShowBudget, ShowReport
from bot.commands.commands import (
    Allow,
    Ask,
    Budget,
    Command,
    Estimate,
    Invalid,
    ListAgents,
    ListFlows,
    ListRuns,
    NearMiss,
    OpenModal,
    ShowBalance,
    ShowHelp,
    ShowRun,
    ShowVersion,
    StopRuns,
    TraceRun,
)
from bot.commands.parser import parse
from bot.commands.text import unescape, without_mention

FLOWS = ("answer", "decide", "draft", "plan")
AGENTS = ("advocate", "sceptic", "cost-watcher")


def said(text: str) -> Command:
    return parse(text, flows=FLOWS, agents=AGENTS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", OpenModal()),
        (" \u00a0 ", OpenModal()),
        ("\u200b\u2060", ShowHelp()),
        (" \ufeff\u3164 ", ShowHelp()),
        ("\U000e0068\U000e0069", ShowHelp()),
        ("\u2800", ShowHelp()),
        ("\u200bhelp\u200d", ShowHelp()),
        ("he\u00adlp", ShowHelp()),
        ("\uff48\uff45\uff4c\uff50\uff01", ShowHelp()),
        ("\uff1f", ShowHelp()),
        ("\u3000balance\u3002", ShowBalance()),
        ("\u2060budget\u3000set \uff15\uff10", Budget(SetAmount("limit", 50_000_000_000))),
        ("use\u200b decide\uff1a SQLite?", Ask("SQLite?", "decide")),
        ("\uff55\uff53\uff45 decide\uff1a\uff21\uff22\uff1f", Ask("\uff21\uff22\uff1f", "decide")),
        ("estimate\uff1a\u200bwhat now?", Estimate(Ask("what now?"))),
        ("\u200bask\uff1a why?", Ask("why?")),
        ("help", ShowHelp()),
        ("HELP!", ShowHelp()),
        ("“help”", ShowHelp()),
        ("—help", ShowHelp()),
        ("--help", ShowHelp()),
        ("?", ShowHelp()),
        ("help budget", ShowHelp("budget")),
        ("help stop", ShowHelp("stop")),
        ("help decide", ShowHelp("decide")),
        ("help me write to a customer", Ask("help me write to a customer")),
        ("agents", ListAgents()),
        ("agents of change", Ask("agents of change")),
        ("flows", ListFlows()),
        ("balance?", ShowBalance()),
        ("balance", ShowBalance()),
        ("budget", Budget(ShowBudget())),
        ("budget  report", Budget(ShowReport())),
        ("Budget set 50", Budget(SetAmount("limit", 50_000_000_000))),
        ("budget set up a meeting", Ask("budget set up a meeting")),
        (
            "budget set 50,00",
            Invalid("50,00 could mean two amounts. Write it with a point and no comma, like 50.00 or 1000."),
        ),
        ("budget for the offsite", Ask("budget for the offsite")),
        ("runs", ListRuns()),
        ("runs all", ListRuns(everywhere=True)),
        ("status", ListRuns()),
        ("status of the outage?", Ask("status of the outage?")),
        ("cancel", StopRuns()),
        ("cancel r0123456789ab", StopRuns("r0123456789ab")),
        ("cancel my subscription, please write it", Ask("cancel my subscription, please write it")),
        (
            "stop 123",
            Invalid("`123` is not one of your requests. `runs` lists them."),
        ),
        ("stop 3 people from leaving", Ask("stop 3 people from leaving")),
        ("version", ShowVersion()),
        ("version control for designers?", Ask("version control for designers?")),
        ("models", ListAgents(everyone=True)),
        ("models of change", Ask("models of change")),
        ("reset", ShowHelp("reset")),
        ("*help*", ShowHelp()),
        ("`_help_`", ShowHelp()),
        ("/agents help", ShowHelp()),
        ("/agents", OpenModal()),
        ("/agents use decide: tea", Ask("tea", "decide")),
        ("every deploy fails, why?", Ask("every deploy fails, why?")),
        ("stop", StopRuns()),
        ("stop r0123456789ab", StopRuns("r0123456789ab")),
        ("stop r123", StopRuns("r123")),
        ("show run #R0a1?", ShowRun("r0a1")),
        ("trace r12", TraceRun("r12")),
        ("cancel run rabc", StopRuns("rabc")),
        ("show r0123456789abcdef", ShowRun("r0123456789abcdef")),
        ("show rates", Ask("show rates")),
        ("show red", Ask("show red")),
        ("stop the noise in the office", Ask("stop the noise in the office")),
        ("budget planning for 2027", Ask("budget planning for 2027")),
        ("allow guests", Allow("guests", allowed=True)),
        ("deny external", Allow("external", allowed=False)),
        ("allow guests to book rooms", Ask("allow guests to book rooms")),
    ],
)
def test_a_reserved_word_is_a_command_only_if_the_whole_rest_fits(text: str, expected: Command) -> None:
    assert expected == said(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ask help", Ask("help")),
        ("Ask: budget", Ask("budget")),
        ("ask use decide: tea", Ask("use decide: tea")),
        ("asking for a friend", Ask("asking for a friend")),
        ("use decide: tea or coffee?", Ask("tea or coffee?", "decide")),
        ("USE Decide : tea", Ask("tea", "decide")),
        ("use decide — tea", Ask("tea", "decide")),
        ("use decide with advocate,sceptic: tea", Ask("tea", "decide", ("advocate", "sceptic"))),
        ("use decide with sceptic, Advocate and sceptic: tea", Ask("tea", "decide", ("sceptic", "advocate"))),
        ("use decide with cost-watcher \u2013 tea", Ask("tea", "decide", ("cost-watcher",))),
        ("use decide: line one\nline two: more", Ask("line one\nline two: more", "decide")),
        ("use decide: keep “these” \u2013 signs", Ask("keep “these” \u2013 signs", "decide")),
        ("use cases for queues", Ask("use cases for queues")),
        ("estimate the effort", Ask("estimate the effort")),
        ("estimate: tea", Estimate(Ask("tea"))),
        ("estimate: use decide: tea", Estimate(Ask("tea", "decide"))),
        ("estimate use decide: tea", Estimate(Ask("tea", "decide"))),
        ("estimate use cases", Estimate(Ask("use cases"))),
        ("dry run: open an issue", Ask("open an issue", dry=True)),
        ("Dry-run: open an issue", Ask("open an issue", dry=True)),
        ("dryrun use decide with sceptic: tea", Ask("tea", "decide", ("sceptic",), dry=True)),
        ("dry run: use decide: tea", Ask("tea", "decide", dry=True)),
        ("estimate: dry run: tea", Estimate(Ask("tea", dry=True))),
        ("use decide: dry run: tea", Ask("tea", "decide", dry=True)),
        ("use decide with sceptic: *dry run:* tea", Ask("tea", "decide", ("sceptic",), dry=True)),
        ("estimate: use decide: dry run: tea", Estimate(Ask("tea", "decide", dry=True))),
        ("*dry run:* open *all* doors", Ask("open *all* doors", dry=True)),
        ("*dry run*: tea", Ask("tea", dry=True)),
        ("`dry run: tea`", Ask("tea", dry=True)),
        ("> dry run: tea", Ask("tea", dry=True)),
        ("dry  run : tea", Ask("tea", dry=True)),
        ("dry run \u2013 tea", Ask("tea", dry=True)),
        ("dry run delete it", Ask("dry run delete it", dry=True)),
        ("Dry-run delete ticket 7, then tell me", Ask("Dry-run delete ticket 7, then tell me", dry=True)),
        ("dry_run delete it", Ask("dry_run delete it", dry=True)),
        ("dry run, please: delete it", Ask("please: delete it", dry=True)),
        ("*dry run* delete it", Ask("delete it", dry=True)),
        ("`dry run` delete it", Ask("delete it", dry=True)),
        ("dry run\ndelete it", Ask("dry run\ndelete it", dry=True)),
        ("use decide: dry run delete it", Ask("dry run delete it", "decide", dry=True)),
        ("estimate dry run: tea", Estimate(Ask("tea", dry=True))),
        ("ask dry run: tea", Ask("dry run: tea", dry=True)),
        ("ask use decide: dry run: tea", Ask("use decide: dry run: tea", dry=True)),
        ("dry run the migration and tell me", Ask("dry run the migration and tell me", dry=True)),
        ("dry run: the migration", Ask("the migration", dry=True)),
        ("[dry run] delete it", Ask("delete it", dry=True)),
        ("(dry run) delete it", Ask("delete it", dry=True)),
        ("--dry-run delete it", Ask("delete it", dry=True)),
        ("--dry-run=true delete it", Ask("delete it", dry=True)),
        ("- dry run: delete *it*", Ask("delete *it*", dry=True)),
        ("\u2022 dry run: delete it", Ask("delete it", dry=True)),
        ("1. dry run: delete it", Ask("delete it", dry=True)),
        ("\U0001f9ea dry run: delete it", Ask("delete it", dry=True)),
        ("ask ask dry run: tea", Ask("ask dry run: tea", dry=True)),
        ("use decide: ask: dry run: tea", Ask("ask: dry run: tea", "decide", dry=True)),
        ("Dry run looks good, now do it", Ask("Dry run looks good, now do it")),
        ("dry-run mode fails in CI, why?", Ask("dry-run mode fails in CI, why?")),
        ("--dry-run=false delete it", Ask("--dry-run=false delete it")),
        ("Use kubectl dry-run to validate it", Ask("Use kubectl dry-run to validate it")),
        ("ask use kubectl dry-run to validate it", Ask("use kubectl dry-run to validate it")),
        ("dry running shoes", Ask("dry running shoes")),
        ("dry run's end", Ask("dry run's end")),
        ("a dry run of it", Ask("a dry run of it")),
        ("help dry run", ShowHelp("dry run")),
    ],
)
def test_requests_keep_their_words(text: str, expected: Command) -> None:
    assert expected == said(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bugdet", NearMiss("bugdet", "budget", "bugdet")),
        ("help nonsense", NearMiss("help nonsense", "help", "help nonsense")),
        ("budget nonsense", NearMiss("budget nonsense", "budget", "budget nonsense")),
        ("bugdet set 50", NearMiss("bugdet", "budget set 50", "bugdet set 50")),
        ("bugdet for the offsite", Ask("bugdet for the offsite")),
        ("Hlep?", NearMiss("hlep", "help", "Hlep?")),
        ("baalnce", NearMiss("baalnce", "balance", "baalnce")),
        ("stpo r0123456789ab", NearMiss("stpo", "stop r0123456789ab", "stpo r0123456789ab")),
        ("show read", NearMiss("show read", "show run read", "show read")),
        ("hello", Ask("hello")),
        ("use decdie: tea", NearMiss("use decdie", "use decide: tea", "use decdie: tea")),
        ("use plan B for launch", NearMiss("use plan", "use plan: B for launch", "use plan B for launch")),
    ],
)
def test_what_may_be_a_slip_is_asked_about(text: str, expected: Command) -> None:
    assert expected == said(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ask", "`ask why"),
        ("use decide", "`use decide: "),
        ("use decide:", "`use decide: "),
        ("use zebra: stripes?", "There is no flow `zebra`"),
        ("use decide with nobody: tea", "There is no agent `nobody`"),
        ("estimate", "`estimate: "),
        ("estimate use zebra: stripes", "There is no flow `zebra`"),
        ("dry run", "`dry run: "),
        ("dry run:", "`dry run: "),
        ("dry run?", "`dry run: "),
        ("use decide: dry run:", "`dry run: "),
        ("dry run: use zebra: stripes", "There is no flow `zebra`"),
    ],
)
def test_what_cannot_be_a_command_is_answered_with_an_example(text: str, words: str) -> None:
    found = said(text)
    assert isinstance(found, Invalid)
    assert words in found.message


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt; and &copy;", "&lt; and &copy;"),
        ("<@U1|dana> and <@U2>", "@dana (U1) and <@U2>"),
        ("<#C1|general> and <#C2|>", "#general (C1) and <#C2|>"),
        ("<https://x.example/a?b=1&amp;c=2|the docs>", "the docs (https://x.example/a?b=1&c=2)"),
        ("<https://x.example>", "https://x.example"),
        ("<http://x.example|x.example>", "http://x.example"),
        ("<mailto:a@x.example|a@x.example>", "a@x.example"),
        ("<!here> <!subteam^S1|@ops> <!date^1^{date}|today>", "@here @ops (S1) today"),
    ],
)
def test_slack_escapes_are_read_as_people_see_them(sent: str, read: str) -> None:
    assert read == unescape(sent)


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<@UBOT> help", "help"),
        ("<@UBOT|agents>: use decide: tea", "use decide: tea"),
        ("hey <@UBOT>, why?", "hey why?"),
        ("<@UBOT>", ""),
        ("<@UBOTTOM> help", "<@UBOTTOM> help"),
    ],
)
def test_the_call_for_the_bot_is_not_part_of_the_request(text: str, rest: str) -> None:
    assert rest == without_mention(text, "UBOT")


@pytest.mark.parametrize("words", ["dry run: ", "use decide: dry run: ", "dry run use decide: ", "estimate: "])
def test_words_before_a_request_are_read_once_however_often_they_stand(words: str) -> None:
    found = said(words * 3_000 + "tea")
    ask = found.ask if isinstance(found, Estimate) else found
    assert isinstance(ask, Ask)
    assert ask.dry == ("dry" in words)


WORDS = st.sampled_from(
    ["ask", "use", "decide", "with", "advocate", ":", "—", "estimate", "help", "stop", "bugdet", "“", "dry", "run"]
)


@given(st.one_of(st.text(), st.lists(WORDS).map(" ".join)))
def test_every_text_parses_and_no_request_is_empty(text: str) -> None:
    found = said(text)
    ask = found.ask if isinstance(found, Estimate) else found
    if isinstance(ask, Ask):
        assert ask.request.strip()


@given(st.lists(WORDS).map(" ".join))
def test_a_suggestion_is_a_command_as_a_whole(text: str) -> None:
    found = said(text)
    if isinstance(found, NearMiss):
        suggested = said(found.suggestion)
        assert not isinstance(suggested, NearMiss | Invalid)
        assert suggested != Ask(found.suggestion)


@given(st.from_regex(r"[a-z]+(?: [a-z]+)*", fullmatch=True))
def test_ask_forces_any_words_to_be_a_request(text: str) -> None:
    assert Ask(text) == said(f"ask {text}")
