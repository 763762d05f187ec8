"""A model in a loop is recognised by what it says, however it is split; cells, rows and indents may repeat."""

import pytest

from patterns.core.repetition import Repetition, without_repetition

INTRO = "Here is the plan.\n\n"
SENTENCE = "The task: The team has to decide. "
PARAGRAPH = "This one is of a fair length and talks about the database. It has two sentences!\n\n"
LOOPS = [
    (INTRO, "The task: The team has\u2026\n"),
    (INTRO, f"{SENTENCE}\n\n"),
    ("Intro. ", SENTENCE),
    ("", "the team has to decide "),
    (INTRO, "First we look at the data.\nThen we look at the model.\n"),
    (INTRO, PARAGRAPH),
    ("", "\u4eca\u5929\u5929\u6c14\u5f88\u597d\u6211\u4eec\u53bb\u516c\u56ed\u5427\u3002"),
]
NO_LOOPS = {
    "rows of a table": "| a | b |\n|---|---|\n" + "| not decided yet | not decided yet |\n" * 150,
    "cells of one row": "| " + "We have not decided that | " * 150,
    "indents": "def f():\n" + "    pass\n" * 150,
    "blank indents": "    " * 150 + "x",
    "lines that differ": "".join(f"Server {n} is running normally today\n" for n in range(60)),
    "values": "yes," * 150,
    "numbers": "0 " * 500,
    "a ruler": "-" * 500,
    "cells of HTML": "<td>not yet decided today</td>\n" * 150,
    "tab separated": "not decided yet\tnot decided yet\tno\n" * 150,
    "lines of data": "```json\n" + '  "name": "the same value again",\n' * 15 + "```\n",
    "a refrain": "Row, row, row your boat,\nGently down the stream.\n" * 3,
    "a paragraph twice": PARAGRAPH * 2,
    "lines of a code block": "Here:\n```\n" + "The team has to decide on this.\n" * 60 + "```\n",
    "numbered items": "".join(f"{n}. To be decided\n" for n in range(1, 61)),
    "numbered boxes": "".join(f"- [ ] {n}. Check the oil level of the pump\n" for n in range(1, 61)),
}

PROSE = {
    "issue": "The task: The team has\u2026\n",
    "Japanese": "\u3059\u307f\u307e\u305b\u3093\u3001\u308f\u304b\u308a\u307e\u305b\u3093\u3002",
    "Chinese": "\u6211\u4e0d\u77e5\u9053\u8fd9\u4e2a\u95ee\u9898\u7684\u7b54\u6848\u3002",
    "Chinese by commas": "\u6211\u4e0d\u77e5\u9053\u8fd9\u4e2a\u95ee\u9898\u7684\u7b54\u6848\uff0c",
    "Thai": "\u0e09\u0e31\u0e19\u0e44\u0e21\u0e48\u0e17\u0e23\u0e32\u0e1a\u0e04\u0e33\u0e15\u0e2d\u0e1a ",
    "Thai without spaces": "ฉันไม่ทราบคำตอบของคำถามนี้",
    "Korean": "\uc8c4\uc1a1\ud569\ub2c8\ub2e4 \uc798 \ubaa8\ub974\uaca0\uc2b5\ub2c8\ub2e4. ",
    "Korean without spaces": "죄송합니다, 답을 찾을 수 없습니다.",
    "Hindi": "मुझे इसका उत्तर नहीं पता है। ",
    "Arabic": "لا أعرف الإجابة على هذا السؤال. ",
    "Russian": "Я не знаю ответа на этот вопрос. ",
    "Greek": "Δεν γνωρίζω την απάντηση. ",
    "en": "I don't know. ",
    "en2": "The team has to decide. ",
    "en3": "All of it matters. ",
    "en line": "The team has to decide\n",
    "para": "This is long. It has two sentences.\n\n",
    "nopunct": "the team has to decide ",
    "numbered": "- The team has to decide on this now\n",
    "bullet": "* We should choose PostgreSQL because it is reliable.\n",
    "quote": "> The team has to decide on this.\n",
    "bold": "**Answer:** The team has to decide.\n",
    "two": "First we look.\nThen we decide what to do.\n",
    "heading+par": "## Summary\n\nThe team has to decide on the database today.\n\n",
    "dash": "I am sorry, I do not know, ",
    "assistant": "Assistant: I am sorry, I cannot help with that.\n",
    "user": "User: hello\nAssistant: I am sorry, I cannot help with that.\n",
    "emoji": "\u2705 The task has been completed successfully.\n",
    "let": "Let me think about this again:\n",
    "par+tab": "The result follows here, as the team wanted it.\n| a | b |\n",
    "de": "Das Team muss sich jetzt entscheiden. ",
    "Burmese": "\u1000\u103b\u103d\u1014\u103a\u102f\u1015\u103a\u1019\u101e\u102d\u1015\u102b",
    "date": "On 3 May the team met and decided nothing. ",
    "q": "What should we do? ",
    "colon": "Answer: the team has to decide this today\n",
    "indent": "   - The team should look at the data before it decides.\n",
    "nested": "    - The team should look at the data before it decides.\n",
    "short Japanese": "\u7533\u3057\u8a33\u3054\u3056\u3044\u307e\u305b\u3093\u3002",
    "Japanese lines": "\u3059\u307f\u307e\u305b\u3093\u3001\u308f\u304b\u308a\u307e\u305b\u3093\u3002\n",
    "num": "The price is 5 dollars for the first month. ",
    "fr": "Je suis d\xe9sol\xe9, je ne sais pas. ",
}
DATA = {
    "csv": "Anna,Berlin,34,yes\n",
    "csv2": "Anna Schmidt;Main Street 5;Berlin;Germany\n",
    "csv3": "Anna, Berlin, not decided yet\n",
    "csvq": '"Anna","He said no. Never","Berlin"\n',
    "csvtxt": "1,Anna,He said. ok now then\n",
    "tsv": "Anna\tBerlin\n",
    "sql": "INSERT INTO team (name, city) VALUES ('Anna Schmidt', 'Berlin');\n",
    "sql2": "INSERT INTO team (name, city) VALUES ('Anna Schmidt', 'Berlin')\n",
    "sql3": "('Anna Schmidt', 'Berlin is nice'),\n",
    "form": "Name: ____________ Date: __________\n",
    "form2": "Signature of the participant:\n",
    "form3": "Name of participant ..........\n",
    "check": "- [ ] Check the oil level of the pump and note it\n",
    "check2": "\u2610 Check the oil level of the pump and note it\n",
    "log": "2026-11-29 10:00:00 INFO Server started on the first port\n",
    "log2": "[INFO] Server started on the first port today.\n",
    "log3": "INFO: Server started on the first port today.\n",
    "log4": "Nov 29 10:00:00 host app[5]: The server is running.\n",
    "log5": '10.0.0.1 - - [29/Nov/2026:10:00:00] "GET / HTTP/1.1" 200 5\n',
    "table": "| Not decided yet | Nobody knows when |\n",
    "table2": "Anna Schmidt | Berlin | not decided\n",
    "html": "<li>The team has to decide on this.</li>\n",
    "json": '{"name": "Anna Schmidt", "city": "Berlin is nice"},\n',
    "yaml": "name: Anna Schmidt\n",
    "item": "- To be decided\n",
    "item2": "1. To be decided later today\n",
    "label": "To be announced\n",
    "code": "    print('the team has to decide')\n",
    "code2": "print('the team has to decide')\n",
    "kv": "level=info msg=started the server today\n",
    "cols": "Anna Schmidt    Berlin    not decided\n",
    "seats": "Seat reserved\n",
    "address": "Anna Schmidt, Main Street 5, 10115 Berlin\n",
    "ja csv": "\u672a\u5b9a,\u672a\u5b9a,\u672a\u5b9a\n",
    "ja row": "| \u672a\u5b9a\u3067\u3059 | \u307e\u3060\u6c7a\u307e\u3063\u3066\u3044\u307e\u305b\u3093 |\n",
    "assign": "x = the_team.decide(now)\n",
    "comment": "// the team has to decide on this\n",
    "cmd": "$ apt install the package now\n",
    "shift": "09:00 Team meeting in the big room\n",
    "http": "GET /api/v1/team/decide HTTP/1.1\n",
    "tick": "\u2713 Test passed\n",
    "vals": "yes; no; maybe; not decided\n",
    "latex": "Anna & Berlin & not decided yet \\\\\n",
    "md item": "* Anna Schmidt (Berlin)\n",
    "2line": "Name: ______\nDate: ______\nI agree to it.\n",
    "vcard": "BEGIN:VCARD\nFN:Anna Schmidt\nEND:VCARD\n",
    "ini": "[section]\nname=Anna Schmidt\n",
    "css": "  color: red;\n",
    "xml": "<row><name>Anna Schmidt</name></row>\n",
    "prompt": "Q: \nA: \n",
}


@pytest.mark.parametrize("name", PROSE)
@pytest.mark.parametrize("intro", ["", INTRO])
def test_prose_that_comes_again_is_a_loop_in_any_script(name: str, intro: str) -> None:
    kept, is_loop = without_repetition(intro + PROSE[name] * 60)
    assert (kept.rstrip(), is_loop) == ((intro + PROSE[name]).rstrip(), True)


@pytest.mark.parametrize("name", DATA)
def test_data_may_come_again_as_often_as_somebody_asked_for(name: str) -> None:
    text = "Here they are:\n" + DATA[name] * 60
    assert without_repetition(text) == (text, False)


def test_what_comes_a_thousand_times_is_a_loop_even_where_it_is_data() -> None:
    assert without_repetition("To be announced\n" * 1500) == ("To be announced\n", True)


@pytest.mark.parametrize(("intro", "cycle"), LOOPS)
def test_a_loop_is_kept_once(intro: str, cycle: str) -> None:
    kept, is_loop = without_repetition(intro + cycle * 60)
    assert (kept.rstrip(), is_loop) == ((intro + cycle).rstrip(), True)


def test_numbers_before_the_lines_do_not_hide_a_loop() -> None:
    text = "".join(f"{n}. The team has to decide now\n" for n in range(1, 41))
    assert without_repetition(text) == ("1. The team has to decide now\n", True)


@pytest.mark.parametrize("name", NO_LOOPS)
def test_what_may_repeat_is_no_loop(name: str) -> None:
    assert without_repetition(NO_LOOPS[name]) == (NO_LOOPS[name], False)


@pytest.mark.parametrize("line", ["{1}", "Step {0}: {1}", "> {0}. {1}", "- {1}"])
def test_a_whole_text_is_judged_as_a_stream_is(line: str) -> None:
    for cycle in [*PROSE.values(), *DATA.values()]:
        for long, times in ((1, 6), (1, 20), (30, 3)):  # of long cycles fewer times are enough
            text, stream = INTRO + "".join(line.format(n, cycle) * long for n in range(times)), Repetition()
            is_loop = stream.feed(text) or stream.close()
            assert without_repetition(text) == ((text[: stream.kept], True) if is_loop else (text, False))


@pytest.mark.parametrize("size", [1, 3, 7, 100, 10_000])
def test_any_split_finds_the_same_loop(size: int) -> None:
    text, stream = INTRO + SENTENCE * 40, Repetition()
    found = [stream.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert (found[-1], stream.kept) == (True, len(INTRO + SENTENCE))


def test_a_loop_is_found_long_before_its_end() -> None:
    text, stream = INTRO + SENTENCE * 1000, Repetition()
    heard = next(at for at, letter in enumerate(text) if stream.feed(letter))
    assert heard < len(INTRO) + 450
