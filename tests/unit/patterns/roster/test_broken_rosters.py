"""Whatever is wrong with a roster, its report names the line and the fix, and nothing of what found it."""

# ruff: noqa: E501 - a case reads best in one line
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patterns.core.errors import RosterError
from patterns.roster.roster import LINE_CHARS, MISTAKES_SHOWN, load_roster
from patterns.roster.yaml_lines import Document, Line, Place, parse_yaml

SHIPPED = (Path(__file__).parents[4] / "patterns" / "roster.yml").read_text("utf-8")
INNER = re.compile(
    r"Input should|\bvalid (tuple|dict|list|integer|string|number)|should match|Value error|pydantic|mended"
)
LINE = re.compile(r"roster\.yml:\d+: \S|prompts/\S|… and [\d,]+ more like these\.")
FAST = "  fast:\n    model: ${AGENTS_MODEL_FAST:-auto}\n"
RESEARCHER = SHIPPED[SHIPPED.index("  researcher:\n") : SHIPPED.index("  engineer:\n")]


def report(text: str) -> list[str]:
    with pytest.raises(RosterError) as refused:
        load_roster(text, file="roster.yml", env={}, folder=Path("/nowhere"))
    return str(refused.value).splitlines()


def changed(*pairs: str) -> str:
    """The shipped roster with each first text replaced by the one after it, once."""
    text = SHIPPED
    for before, after in zip(pairs[::2], pairs[1::2], strict=True):
        assert before in text, before
        text = text.replace(before, after, 1)
    return text


ONE_MISTAKE = {
    "a misspelt key": ("    prompt: researcher", "    promt: researcher", "promt is not something a roster knows; did you mean prompt?"),
    "a key of other programs": ("max_output_tokens: 700", "max_tokens: 700", "did you mean max_output_tokens?"),
    "a misspelt section": ("limits: {", "limit: {", "limit is not something a roster knows; did you mean limits?"),
    "a misspelt model": ("    model: fast", "    model: fats", "there is no model 'fats'; did you mean 'fast'?"),
    "a misspelt agent": ("[researcher, eng", "[reseacher, eng", "there is no agent 'reseacher'; did you mean 'researcher'?"),
    "a misspelt flow": ("default: answer", "default: anser", "there is no flow 'anser'; did you mean 'answer'?"),
    "a misspelt prompt": ("prompt: engineer", "prompt: enginer", "there is no prompt 'enginer'; did you mean 'engineer'?"),
    "a prompt nobody wrote": ("prompt: engineer", "prompt: zulu", "'zulu'; write it to prompts/zulu.md.j2 beside the roster"),
    "an agent for a flow": ("default: answer", "default: writer", "there is no flow 'writer'; 'writer' is an agent"),
    "a key in the file": (FAST, f"{FAST}    api_key: sk-1\n", "write `api_key_env: OPENAI_API_KEY`, the name of the variable"),
    "a key as a variable": (FAST, f"{FAST}    api_key_env: sk-1\n", "write the name of the variable that holds the key"),
    "half an address": (FAST, f"{FAST}    api_base: localhost:80\n", "write a whole address, like http://"),
    "one for a list": ("fallback: [fast]", "fallback: fast", "models.strong.fallback must be a list; write [fast]"),
    "a number for a list": ("alerts: [50, 80, 95, 100]", "alerts: 80%", "budgets.alerts must be a list; write [80%]"),
    "words for a number": ("timeout_s: 60", "timeout_s: a minute", "timeout_s must be a number, like 60; it is 'a minute'"),
    "a number in quotes": ("steps: 30", "steps: '30'", "must be a whole number without quotes, like 30; it is '30'"),
    "a fraction": ("max_output_tokens: 700", "max_output_tokens: 7.5", "must be a whole number without quotes"),
    "too little": ("timeout_s: 60", "timeout_s: -5", "timeout_s must be more than 0; it is -5"),
    "too much": ("timeout_s: 60", "timeout_s: 1000", "timeout_s must be at most 600; it is 1000"),
    "a number for a text": ("description: Merges", "description: 5\n    #", 'description must be a text; put it in quotes: "5"'),
    "nothing": ("description: Merges", "description:\n    #", "is empty; write a value, like `description: "),
    "a missing key": ("    model: fast\n", "", "agents.researcher.model is missing; add it, like `model: fast`"),
    "a missing section": (SHIPPED[SHIPPED.index("limits: {") :].splitlines()[0], "", "limits is missing; add it, or begin the file with `extends: shipped`"),
    "a word of few": ("human: approve", "human: aprove", "human cannot be 'aprove'; did you mean approve?"),
    "yes for a word": ("human: approve", "human: true", "human cannot be 'true'; write none, approve or feedback"),
    "another version": ("version: 1", "version: 2", "write `version: 1`"),
    "a name with capitals": ("prompt: engineer", "prompt: Engineer", "'Engineer' is neither the name of a prompt"),
    "text for keys": (RESEARCHER, "  researcher: hello\n", "agents.researcher must hold lines `key: value`"),
    "nothing for keys": (RESEARCHER, "  researcher:\n", "agents.researcher is empty"),
    "no Slack member": ("human: approve", "human: approve\n      approvers: [anna]", "'anna' is no member id of Slack"),
    "two patterns": ("    router: {agents", "    agent: writer\n    router: {agents", "keep exactly one"),
    "no synthesizer": ("      synthesizer: chair\n", "", "name a synthesizer, or write collect: list"),
    "a policy": ("{quorum: 2}", "{quorums: 2}", "on_failure: write fail_fast, continue or {quorum: 2}"),
    "an output": ("prompt: researcher", "prompt: researcher\n    output: json", "output: write text, or {schema: {"),
    "a share": ("share: 0.6", "share: 60", "pipeline[1].share must be at most 1; it is 60"),
    "a time zone": ("${AGENTS_TIMEZONE:-UTC}", "Europe/Berln", "no time zone; did you mean Europe/Berlin?"),
    "a key deep inside": ("worker: actions", "wroker: actions", "supervisor.wroker is not something a roster knows; did you mean worker?"),
    "no colon": ("    model: fast", "    model fast", "this is not YAML: the line has no colon; write `key: value`"),
    "indented more": ("    model: fast", "     model: fast", "this is not YAML: a second colon, or a wrong indentation"),
    "indented less": ("    model: fast", "   model: fast", "indented differently from those it belongs to"),
    "a tab": ("    model: fast", "\tmodel: fast", "this is not YAML: the line begins with a tab; indent with spaces"),
    "an open list": ("analyst, writer, coach]}", "analyst", "the [ that opens here is not closed"),
    "an open brace": ("summarizer, share: 0.6}", "summarizer, share: 0.6", "the { that opens here is not closed"),
    "an open quotation": ("description: Merges", 'description: "Merges', "the quotation mark that opens here is never closed"),
    "a second colon": ("Explains and compares;", "Explains: compares;", "put text that holds ': ' in quotes"),
    "an at sign": ("description: Merges", "description: @Merges", "begins with a special sign, such as @ or %, needs quotes"),
    "a star": ("description: Merges", "description: *all* Merges", "text that begins with & or * needs quotes"),
    "a second document": ("flows:\n", "---\nflows:\n", "a second document begins here; remove the line ---"),
}  # fmt: skip


@pytest.mark.parametrize("name", ONE_MISTAKE)
def test_one_mistake_is_one_line_with_its_fix(name: str) -> None:
    before, after, fix = ONE_MISTAKE[name]
    lines = report(changed(before, after))
    assert [fix in line for line in lines] == [True], lines
    assert [line for line in lines if INNER.search(line) or not LINE.match(line)] == []


def test_the_line_is_the_one_to_mend() -> None:
    text = changed("prompt: engineer", "promt: engineer")
    number = next(number for number, line in enumerate(text.splitlines(), 1) if "promt" in line)
    assert report(text)[0].startswith(f"roster.yml:{number}: ")


def test_yaml_keys_values_and_names_are_told_together() -> None:
    lines = report(
        changed(
            *("    model: fast\n", "    model fast\n"),
            *("human: approve", "human: aprove"),
            *("synthesizer: chair", "synthesiser: chiar"),
            *("default: answer", "default: anser"),
            *("run_usd: 0.50", "run_usd: cheap"),
        )
    )
    wanted = ("the line has no colon", "did you mean synthesizer?", "'chiar'; did you mean 'chair'?", "'aprove'", "'anser'", "limits.run_usd")  # fmt: skip
    assert [part for part in wanted if not any(part in line for line in lines)] == []
    assert len(lines) == len(wanted)


def test_a_broken_entry_still_says_which_names_it_has_wrong() -> None:
    lines = report(changed("    timeout_s: 60", "    timeout_s: soon", "    model: fast", "    model: fats"))
    assert ["'fats'" in line or "'soon'" in line for line in lines] == [True, True]


def test_what_stood_in_a_line_that_could_not_be_read_is_not_also_missed() -> None:
    assert len(report(changed("  fast:\n", "  fast\n"))) == 1
    assert len(report(changed("  coach:\n", "  coach: {\n"))) == 1


def test_a_key_itself_is_never_repeated() -> None:
    for key in ("api_key", "api_key_env", "apikey", "token"):
        assert "sk-very-secret" not in "".join(report(changed(FAST, f"{FAST}    {key}: sk-very-secret\n")))


LINES = SHIPPED.splitlines()


@settings(deadline=None, max_examples=60)
@example(at=0, how="value", again=306)
@given(
    at=st.integers(0, len(LINES) - 1),
    how=st.sampled_from(("cut", "tab", "value", "key", "indent", "drop", "list", "null", "quote")),
    again=st.integers(0, len(LINES) - 1),
)
def test_no_damage_brings_words_of_a_library(at: int, how: str, again: int) -> None:
    lines = list(LINES)
    for place in (at, again):
        key, colon, value = lines[place].partition(":")
        lines[place] = {
            "cut": lines[place][: len(lines[place]) // 2],
            "tab": f"\t{lines[place]}",
            "value": f"{key}{colon} -1",
            "key": f"{key}x{colon}{value}",
            "indent": f" {lines[place]}",
            "drop": "",
            "list": f"{key}{colon} [{{}}, 3]",
            "null": f"{key}{colon}",
            "quote": f'{key}{colon} "{value}',
        }[how]
    try:
        load_roster("\n".join(lines), file="roster.yml", env={}, folder=Path("/nowhere"))
    except RosterError as error:
        told = str(error).splitlines()
        assert [line for line in told if INNER.search(line) or not LINE.match(line)] == []


WHOLE_FILES = {
    "nested too deep, a list": ("extends: shipped\nmodels: " + "[" * 5000 + "]" * 5000, 1, "too large or too deep"),
    "nested too deep, a mapping": ("a: " + "{a: " * 3000 + "1" + "}" * 3000, 1, "too large or too deep"),
    "null": ("null\n", 1, "the file is empty"),
    "a tilde": ("~", 1, "the file is empty"),
    "two bases": ("extends: shipped\nextends: shipped@1\n", 2, "extends stands here twice; keep one"),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_file_that_is_wrong_as_a_whole_is_one_line(name: str) -> None:
    text, line, words = WHOLE_FILES[name]
    (only,) = report(text)
    assert only.startswith(f"roster.yml:{line}: ")
    assert words in only


@pytest.mark.parametrize("said", ["9" * 5000, "0." + "1" * 5000, "x" * 5000])
def test_what_is_quoted_is_cut(said: str) -> None:
    (only,) = report(f"extends: shipped\nlimits: {{run_usd: {said}}}\n")
    assert len(only) < 200


LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + at)}: &{chr(98 + at)} [{','.join([f'*{chr(97 + at)}'] * 9)}]\n" for at in range(12)
)
HOSTILE = {
    "aliases of aliases": LAUGHS,
    "itself": "a: &a [*a]",
    "deep": "a: " + "[" * 50_000,
    "deep keys": "? " * 5_000 + "a",
    "a huge number": "version: " + "9" * 300_000,
    "a huge power": "version: 1e999999999",
    "a long name": "version: 1\nagents:\n  " + "n" * 100_000 + ": {}\n",
    "many agents": "version: 1\nagents:\n" + "\n".join(f"  a{at}: {{}}" for at in range(2_000)),
    "many keys": "\n".join(f"k{at}: 1" for at in range(5_000)),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_roster_ends_in_a_report_that_somebody_can_read(text: str) -> None:
    with pytest.raises(RosterError) as refused:
        load_roster(text, file="r.yml", env={}, folder=Path("/nowhere"))
    lines = str(refused.value).splitlines()
    assert len(lines) <= MISTAKES_SHOWN + 1
    assert max(map(len, lines)) <= LINE_CHARS + 1


def test_mistakes_beyond_those_shown_are_counted() -> None:
    with pytest.raises(RosterError) as refused:
        load_roster(HOSTILE["many keys"], file="r.yml", env={}, folder=Path("/nowhere"))
    assert str(refused.value).splitlines()[-1] == "… and 4,957 more like these."


def test_a_file_without_lost_lines_is_not_searched_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking through all lines for each mistake took minutes for a file of many."""
    looked = 0

    def counted(_self: Document, _place: Place) -> Line:
        nonlocal looked
        looked += 1
        return Line("r.yml", 1)

    monkeypatch.setattr(Document, "line", counted)
    document = parse_yaml("a: 1", env={})
    assert not any(document.is_cut(("a",)) for _ in range(50))
    assert looked == 0
