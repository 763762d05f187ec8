"""A team's prompts stand beside its roster, or in it; nothing has to be written into the program."""

from pathlib import Path

import pytest

from patterns.core.errors import RosterError
from patterns.roster.prompt_files import prompt_files, read_prompts, shipped_files
from patterns.roster.prompts import PromptPiece
from patterns.roster.roster import Roster, from_snapshot, load_roster

SHIPPED = (Path(__file__).parents[4] / "patterns" / "roster.yml").read_text("utf-8")
LAWYER = """
  lawyer:
    description: Reads contracts.
    model: fast
    prompt: {prompt}
    max_output_tokens: 300
    timeout_s: 60
"""


def with_lawyer(prompt: str) -> str:
    """The shipped roster with one agent more, who answers in a flow of its own."""
    text = SHIPPED.replace("\n  # when the Router lets", f"{LAWYER.format(prompt=prompt)}  # when the Router lets")
    return text.replace("\nflows:\n", "\nflows:\n  contract: {description: Reads a contract., agent: lawyer}\n")


def load(folder: Path, text: str) -> Roster:
    return load_roster(text, file="roster.yml", env={}, folder=folder)


def report(folder: Path, text: str) -> list[str]:
    with pytest.raises(RosterError) as refused:
        load(folder, text)
    return str(refused.value).splitlines()


def write(folder: Path, name: str, text: str) -> None:
    (folder / "prompts").mkdir(exist_ok=True)
    (folder / "prompts" / name).write_text(text, "utf-8")


def test_a_prompt_beside_the_roster_is_found(tmp_path: Path) -> None:
    write(tmp_path, "lawyer.md.j2", 'You read contracts.\n=== user\n{% include "_asked.md.j2" %}')
    shown = load(tmp_path, with_lawyer("lawyer")).prompts["lawyer"].render({"request": "May we?"}, 1000)
    assert shown.system.startswith("You read contracts.")
    assert "May we?" in shown.user


def test_it_comes_before_the_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    write(
        tmp_path, "writer.md.j2", "You write like us.\n=== user\n{{ request }}{{ draft }}{{ feedback }}{{ acceptance }}"
    )
    roster = load(tmp_path, SHIPPED)
    assert roster.prompts["writer"].source.startswith("You write like us.")
    assert roster.prompts["editor"].source == read_prompts()["editor"]


def test_a_shared_piece_of_ones_own_goes_into_the_shipped_prompts_too(tmp_path: Path) -> None:
    write(tmp_path, "_house.md.j2", "Answer in French.\n")
    roster = load(tmp_path, SHIPPED)
    assert roster.prompts["researcher"].source.startswith("Answer in French.\n")
    assert "Rules of the house" not in "".join(prompt.source for prompt in roster.prompts.values())


def test_pieces_can_include_pieces(tmp_path: Path) -> None:
    write(tmp_path, "_tone.md.j2", "Be brief.\n")
    write(tmp_path, "_ours.md.j2", '{% include "_tone.md.j2" %}\nNo jargon.\n')
    write(tmp_path, "lawyer.md.j2", '{%- include "_ours.md.j2" -%}\n=== user\n{{ request }}')
    assert load(tmp_path, with_lawyer("lawyer")).prompts["lawyer"].source.startswith("Be brief.\nNo jargon.")


def test_a_short_prompt_may_stand_in_the_roster(tmp_path: Path) -> None:
    roster = load(tmp_path, with_lawyer("You read contracts and name what binds us."))
    prompt = roster.prompts[roster.agents["lawyer"].prompt]
    rendered = prompt.render(
        {"request": "May we?", "material": [PromptPiece("clerk", "page 3")], "draft": "No.", "voices": ""}, 9000
    )
    assert rendered.system.startswith("You read contracts and name what binds us.\n\n")
    assert [part in rendered.user for part in ("May we?", "page 3", "No.", "The voices")] == [True, True, True, False]


def test_a_prompt_in_the_roster_can_say_what_it_is_given(tmp_path: Path) -> None:
    roster = load(tmp_path, with_lawyer("|\n      You read.\n      === user\n      Only this: {{ request }}"))
    prompt = roster.prompts[roster.agents["lawyer"].prompt]
    assert prompt.slots == {"request"}


def test_the_router_can_have_one_too(tmp_path: Path) -> None:
    text = SHIPPED.replace("  default: answer\n", "  default: answer\n  prompt: Choose the flow that fits. Be quick.\n")
    roster = load(tmp_path, text)
    assert {"flows", "agents", "request"} <= roster.prompts[roster.router.prompt].slots


def test_what_is_no_prompt_and_no_name_of_one_is_refused(tmp_path: Path) -> None:
    (line,) = report(tmp_path, with_lawyer("Lawyer!"))
    assert "'Lawyer!' is neither the name of a prompt" in line


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("lawyer.md", "x", "prompts/lawyer.md is not read; prompts are called NAME.md.j2: lawyer.md.j2"),
        ("Legal Check.md.j2", "x", "prompts/Legal Check.md.j2 cannot be named in a roster; call it legal_check.md.j2"),
        ("inline-a.md.j2", "x", "prompts/inline-a.md.j2: names that begin with inline- are kept"),
        ("writer.md.j2", "no parts", "prompt 'writer' cannot be rendered: needs one line '=== user'"),
        (
            "writer.md.j2",
            '{% include "_gone.md.j2" %}\n=== user\n{{ request }}',
            "includes _gone.md.j2, which is not there",
        ),
        ("writer.md.j2", '{% include "coach.md.j2" %}\n=== user\n', "whose name starts with _"),
        (
            "_house.md.j2",
            '{% include "_house.md.j2" %}',
            "includes _house.md.j2, which is not there or includes itself",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, name: str, text: str, words: str) -> None:
    write(tmp_path, name, text)
    lines = report(tmp_path, SHIPPED)
    assert any(words in line for line in lines), lines


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    write(tmp_path, "writer.md.j2", "")
    (tmp_path / "prompts" / "writer.md.j2").write_bytes(b"\xff\xfe\x00")
    assert report(tmp_path, SHIPPED) == ["prompts/writer.md.j2 is no UTF-8 text of at most 200 kB; save it as such"]


def test_a_run_keeps_the_prompts_it_began_with(tmp_path: Path) -> None:
    write(tmp_path, "lawyer.md.j2", "Before.\n=== user\n{{ request }}")
    began = load(tmp_path, with_lawyer("lawyer"))
    write(tmp_path, "lawyer.md.j2", "After.\n=== user\n{{ request }}")
    kept = from_snapshot(began.snapshot(), env={})
    assert kept.prompts["lawyer"].source == "Before.\n=== user\n{{ request }}"
    assert (kept.hash, load(tmp_path, with_lawyer("lawyer")).hash == kept.hash) == (began.hash, False)


def test_a_run_keeps_the_prompt_that_stood_in_the_roster(tmp_path: Path) -> None:
    began = load(tmp_path, with_lawyer("You read contracts."))
    kept = from_snapshot(began.snapshot(), env={})
    assert kept.prompts == began.prompts
    assert kept.hash == began.hash


def test_another_roster_s_prompts_are_not_the_program_s(tmp_path: Path) -> None:
    write(tmp_path, "writer.md.j2", "Other.\n=== user\n{{ request }}")
    assert set(prompt_files(tmp_path).own) == {"writer"}
    assert shipped_files()["writer.md.j2"] == prompt_files(None).files["writer.md.j2"]


@pytest.mark.parametrize("kept", ["", '{"source": [', "[]", '{"source": "models: {}"}'])
def test_a_damaged_snapshot_is_said_to_be_one(kept: str) -> None:
    with pytest.raises(RosterError, match="damaged"):
        from_snapshot(kept, env={})
