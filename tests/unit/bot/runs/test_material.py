"""What agents see of attachments: in order, bounded, and without pictures that are no longer kept."""

from bot.runs.material import PICTURES_MAX, Attachments, artifacts_of
from patterns.core.context import Artifact


def picture(name: str, **facts: str) -> Artifact:
    return Artifact(name=name, media_type="image/png", note="a picture", **facts)


def kept(*artifacts: Artifact) -> str:
    return Attachments(artifacts=artifacts).model_dump_json(exclude_defaults=True)


def test_a_picture_that_is_gone_is_named_and_not_shown() -> None:
    there, gone = picture("a.png", file="f1", digest="d"), picture("b.png", file="f2", digest="d")
    found = artifacts_of([kept(there, gone)], kept_files={"f1"})
    assert found == (there, Artifact(name="b.png", media_type="image/png", note="a picture that is no longer kept"))
    assert [one.is_picture for one in found] == [True, False]


def test_pictures_of_older_versions_are_still_shown() -> None:
    old = '{"artifacts":[{"name":"a.png","media_type":"image/png","text":"","data_base64":"AAAA","note":""}]}'
    (found,) = artifacts_of([old])
    assert (found.data_base64, found.is_picture) == ("AAAA", True)


def test_what_has_no_picture_is_stored_as_older_versions_read_it() -> None:
    text = kept(Artifact(name="a.md", media_type="text/markdown", text="Hi"))
    assert text == '{"artifacts":[{"name":"a.md","media_type":"text/markdown","text":"Hi"}]}'


def test_of_many_pictures_the_newest_are_shown() -> None:
    many = [kept(*(picture(f"{run}-{n}.png", file=f"f{run}{n}") for n in range(4))) for run in range(4)]
    found = artifacts_of(many, kept_files={f"f{run}{n}" for run in range(4) for n in range(4)})
    assert [one.is_picture for one in found] == [True] * PICTURES_MAX + [False] * 8
    assert found[-1].note == "a picture of an earlier request, not shown again"
