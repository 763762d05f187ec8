"""Tools in a roster: what is on, what asks first, and one clear line for each mistake."""

import pytest

from patterns.core.errors import RosterError
from patterns.core.web_search import WebSearch
from patterns.roster.bases import SHIPPED_ROSTER
from patterns.roster.reading import read_roster_file
from patterns.roster.roster import Roster, from_snapshot, load_roster
from patterns.roster.schema import SEARCH_CODE, SNAPSHOT_CODE, TOOLS_CODE, WORKSPACE_CODE
from tests.support.pattern_runs import LOADED, PROMPTS, ROSTER

TOOLS = """
tools:
  tickets:
    mcp: {url: "https://tickets.example/mcp", bearer_env: TICKETS_TOKEN}
    allow: [search_issues, get_issue, set_status, create_issue]
    read_only: [search_issues, get_issue]
    retry_safe: [set_status]
    reach: service
    approve: [search_issues]
    approve_by: other
    price_usd: {create_issue: 0.01}
    timeout_s: 20
    output_bytes_max: 8000
    schema_bytes_max: 2000
  orders: {python: "tools.py:find_order", read_only: [find_order], private: true, dm: true, tell_asker: true}
  web: {mcp: {command: [fetcher], env: [PROXY]}, allow: [fetch], read_only: [fetch], reach: anywhere}
"""
AGENT = "agent a, tools: [tickets.search_issues, orders, clock], turns_max: 6, tool_calls_max: 12, step_usd: 0.20,"


def loaded(tools: str = TOOLS, agent: str = AGENT) -> Roster:
    return load_roster(ROSTER.replace("agent a,", agent) + tools, file="roster.yml", env={}, prompts=PROMPTS)


def test_an_agent_has_the_tools_it_names_and_a_bare_server_means_all_of_its() -> None:
    names = [tool.name for tool in loaded().tools_of("a")]
    assert names == ["tickets.search_issues", "orders.find_order", "clock.now", "clock.shift", "clock.between"]


def test_an_agent_has_its_bounds() -> None:
    spec = loaded().agent("a")
    assert (spec.turns_max, spec.tool_calls_max, spec.step_nusd) == (6, 12, 200_000_000)
    assert loaded().agent("b").tools == ()


@pytest.mark.parametrize(
    ("name", "asks", "repeats"),
    [
        ("tickets.search_issues", True, True),  # named in approve
        ("tickets.get_issue", False, True),
        ("tickets.set_status", True, True),
        ("tickets.create_issue", True, False),
        ("orders.find_order", False, True),
        ("web.fetch", True, True),  # can go anywhere
        ("clock.now", False, True),
        ("arithmetic.calculate", False, True),
    ],
)
def test_what_changes_something_or_goes_anywhere_asks_first(name: str, *, asks: bool, repeats: bool) -> None:
    tool = loaded().tools[name]
    assert (tool.asks, tool.retry_safe) == (asks, repeats)


def test_what_else_is_said_of_a_tool_is_kept() -> None:
    tools = loaded().tools
    assert tools["tickets.create_issue"].price_nusd == 10_000_000
    assert tools["tickets.create_issue"].approve_by == "other"
    orders = tools["orders.find_order"]
    assert (orders.private, orders.dm, orders.tell_asker) == (True, True, True)


def test_people_who_approve_can_be_named() -> None:
    tool = loaded(TOOLS.replace("approve_by: other", "approve_by: [U024BE7LH]")).tools["tickets.create_issue"]
    assert (tool.approve_by, tool.approvers) == ("named", ("U024BE7LH",))


def test_a_snapshot_keeps_the_tools_and_names_of_variables_only() -> None:
    roster = loaded()
    kept = from_snapshot(roster.snapshot(), env={"TICKETS_TOKEN": "secret-value"})
    assert kept.tools == roster.tools
    assert "secret-value" not in kept.snapshot()


def test_a_roster_that_is_only_read_back_needs_no_variables_of_its_servers() -> None:
    servers = TOOLS.replace("command: [fetcher]", 'command: ["${FETCHER}", "${FETCHER_STATE:-here}"]')
    text = ROSTER.replace("agent a,", "agent a, tools: [web],") + servers
    began = load_roster(text, file="roster.yml", env={"FETCHER": "fetcher"}, prompts=PROMPTS).snapshot()
    with pytest.raises(RosterError, match="FETCHER is not set"):
        from_snapshot(began, env={})
    again = from_snapshot(began, env={}, is_read_back=True)
    mcp = again.servers["web"].mcp
    assert mcp is not None
    assert tuple(mcp.command) == ("${FETCHER}", "here")
    elsewhere = began.replace("agent a,", "'${MINE}',")
    with pytest.raises(RosterError, match="MINE is not set"):
        from_snapshot(elsewhere, env={}, is_read_back=True)


def test_only_a_run_with_tools_needs_newer_code() -> None:
    assert (LOADED.needs_code, loaded().needs_code) == (SNAPSHOT_CODE, TOOLS_CODE)
    assert loaded(tools="", agent="agent a, tools: [clock],").needs_code == TOOLS_CODE


MISTAKES = {
    "a secret in place of a name": ("bearer_env: TICKETS_TOKEN", "bearer_env: sk-abc", 49, "secret never stands here"),
    "a password in the address": ("https://tickets", "https://me:pass@tickets", 49, "a password never stands"),
    "no address": ('"https://tickets.example/mcp"', "tickets", 49, "write a whole address"),
    "a misspelt key": ("allow: [search_issues, ", "alow: [search_issues, ", 50, "did you mean allow?"),
    "read_only of what is off": ("read_only: [search_issues", "read_only: [find_issues", 51, "'find_issues' is not on"),
    "a price of what is off": ("{create_issue: 0.01}", "{make_issue: 0.01}", 56, "'make_issue' is not on"),
    "no price": ("0.01", "much", 56, "'much' is not an amount in dollars"),
    "no reach": ("reach: service", "reach: servce", 53, "did you mean service?"),
    "nobody who approves": ("approve_by: other", "approve_by: all", 55, "write asker, other, owner or [U024BE7LH]"),
    "no member id": ("approve_by: other", "approve_by: [bob]", 55, "'bob' is no member id of Slack"),
    "too long a time": ("timeout_s: 20", "timeout_s: 2000", 57, "must be at most 300"),
    "too few bytes": ("output_bytes_max: 8000", "output_bytes_max: 8", 58, "must be at least 200"),
    "no function": ("tools.py:find_order", "tools.find_order", 60, 'like "tools.py:find_order"'),
    "a file elsewhere": ("tools.py:find_order", "../tools.py:find_order", 60, "stands in the roster's folder"),
    "two ways at once": ("{command: [fetcher], env", '{url: "http://x", command: [fetcher], env', 61, "exactly one"),
    "nothing on": ("[fetcher], env: [PROXY]}, allow: [fetch], read_only: [fetch]", "[fetcher]}", 61, "allow is"),
    "the name of a built-in server": ("  web:", "  clock:", 61, "'clock' is built in"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_that_names_its_place(case: str) -> None:
    before, after, line, words = MISTAKES[case]
    assert before in TOOLS
    with pytest.raises(RosterError) as refused:
        loaded(TOOLS.replace(before, after, 1))
    told = str(refused.value).splitlines()
    assert told[0].startswith(f"roster.yml:{line}: ") or len(told) > 1
    assert [one for one in told if one.startswith(f"roster.yml:{line}: ") and words in one]
    assert "mended" not in str(refused.value)


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ("tickets.search_isues", "did you mean 'tickets.search_issues'?"),
        ("ticket", "did you mean 'tickets'?"),
        ("weather", "there is no tool server 'weather'; the servers are "),
    ],
)
def test_an_agent_can_only_name_tools_that_are_on(named: str, words: str) -> None:
    with pytest.raises(RosterError, match=r"^roster\.yml:7: ") as refused:
        loaded(agent=f"agent a, tools: [{named}],")
    assert words in str(refused.value)


SEARCH = "  net: {provider_search: true, searches_max: 2, price_usd: {search: 0.02}}\n"


def test_a_web_search_reads_asks_nobody_and_goes_to_the_provider() -> None:
    roster = loaded(TOOLS + SEARCH, "agent a, tools: [net],")
    (spec,) = roster.tools_of("a")
    assert (spec.name, spec.reach, spec.read_only, spec.asks, spec.private) == (
        "net.search",
        "provider",
        True,
        False,
        False,
    )
    assert spec.search == WebSearch(2, 10_000, 20_000_000)
    assert loaded(TOOLS + "  net: {provider_search: true}\n").tools["net.search"].search == WebSearch(3, 10_000)


def test_a_roster_with_a_web_search_needs_a_program_that_knows_it() -> None:
    assert loaded(TOOLS + SEARCH).needs_code == SEARCH_CODE
    again = from_snapshot(loaded(TOOLS + SEARCH).snapshot(), env={})
    assert again.tools["net.search"] == loaded(TOOLS + SEARCH).tools["net.search"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{provider_search: true, mcp: {command: [x]}}", "keep one"),
        ("{provider_search: false}", "keep one"),
        ("{provider_search: true, searches_max: 0}", "at least 1"),
        ("{provider_search: true, searches_max: 11}", "at most 10"),
        ("{provider_search: true, allow: [search]}", "allow does not go with provider_search"),
        ("{provider_search: true, approve: [search]}", "approve does not go with provider_search"),
        ("{provider_search: true, reach: anywhere}", "reach does not go with provider_search"),
        ("{provider_search: true, price_usd: {find: 1}}", "'find' is not on"),
        ("{provider_search: true, price_usd: {search: -1}}", "price_usd"),
        ("{mcp: {command: [x]}, allow: [y], searches_max: 3}", "searches_max goes with provider_search"),
    ],
)
def test_what_does_not_fit_a_web_search_is_said(entry: str, words: str) -> None:
    with pytest.raises(RosterError) as refused:
        loaded(f"{TOOLS}  net: {entry}\n")
    assert words in str(refused.value)


def test_a_search_of_slack_is_private_and_needs_a_program_that_stores_nothing_of_it() -> None:
    roster = loaded(TOOLS + "  slack: {workspace_search: true, results_max: 5}\n", "agent a, tools: [slack],")
    (spec,) = roster.tools_of("a")
    assert (spec.name, spec.private, spec.read_only, spec.asks) == ("slack.search", True, True, False)
    assert (spec.workspace_results, spec.search) == (5, None)
    assert roster.needs_code == WORKSPACE_CODE > SEARCH_CODE


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{workspace_search: true, provider_search: true}", "keep one"),
        ("{workspace_search: true, results_max: 21}", "at most 20"),
        ("{workspace_search: true, private: false}", "private does not go with workspace_search"),
        ("{workspace_search: true, price_usd: {search: 1}}", "price_usd does not go with workspace_search"),
        ("{workspace_search: true, searches_max: 1}", "searches_max does not go with workspace_search"),
        ("{provider_search: true, results_max: 1}", "results_max does not go with provider_search"),
    ],
)
def test_what_does_not_fit_a_search_of_slack_is_said(entry: str, words: str) -> None:
    with pytest.raises(RosterError) as refused:
        loaded(f"{TOOLS}  net: {entry}\n")
    assert words in str(refused.value)


def test_the_shipped_researcher_and_analyst_can_search_the_web() -> None:
    shipped = read_roster_file(SHIPPED_ROSTER, env={})
    assert {name for name in shipped.agents if shipped.tools_of(name)} == {"researcher", "analyst"}
    assert [spec.name for spec in shipped.tools_of("analyst")] == ["web.search"]


def test_an_agent_with_tools_has_at_least_two_turns_to_answer() -> None:
    with pytest.raises(RosterError, match=r"turns_max must be at least 2"):
        loaded(agent="agent a, tools: [clock], turns_max: 1,")
