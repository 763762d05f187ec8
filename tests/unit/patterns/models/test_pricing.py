"""A bound is a promise: no tokenizer we can lay hands on may count more, whatever people paste."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from patterns.core.money import Price, Tier, Usage
from patterns.models.pricing import image_tokens_max, input_tokens_max, price_from_map
from patterns.models.sdk import litellm_sdk
from tests.support.examples import examples

litellm = litellm_sdk()

HOSTILE = {
    "ligature that NFKC makes eleven times longer": "\ufdfa" * 400,
    "emoji with joiners": "👩‍👩‍👧‍👦🏳️‍🌈🧑🏿‍🚀" * 60,
    "flags": "🇦🇶🇧🇻🇨🇵" * 100,
    "zalgo": "Z̷̡̢̨̛̩̻̈́̈́̕a̸̧̛͚̲̎͝l̶̨͎̽g̵̨̛̳̈́o̴̧͚̽" * 50,
    "controls": "".join(map(chr, range(32))) * 20 + "\x7f\x80\x9f\u200b\u2060\ufeff\u202e" * 50,
    "Chinese": "数据库的账本不能超支，每个频道都有月度预算。" * 30,  # noqa: RUF001 - that is how Chinese is written
    "Japanese": "予算を超えてはならない。ﾊﾝｶｸも㌀㍿も。" * 30,
    "Arabic": "دفتر الحسابات لا يتجاوز الميزانية" * 30,
    "Hindi": "बजट से अधिक खर्च नहीं किया जा सकता" * 30,
    "Thai": "งบประมาณรายเดือนต่อช่อง" * 30,
    "Amharic": "የወር በጀት ገደብ አይታለፍም" * 30,
    "Cherokee, Cuneiform, Gothic": "ᏣᎳᎩ𒀀𒁀𒂀𐌰𐌱𐌲" * 60,
    "mathematical letters": "𝕿𝖍𝖊 𝓫𝓾𝓭𝓰𝓮𝓽 𝟙𝟚𝟛 ﷽ ㏂ ½ ﬃ" * 60,  # noqa: RUF001 - the look-alikes are the point
    "private use and noncharacters": "\ue000\uf8ff\U000f0000\uffff\U0010ffff" * 60,
    "code": "for(;;){a[i]^=b[j]<<3|c>>1;}\t\t\r\n" * 60,
    "digits": "3141592653589793238462643383279502884197" * 20,
    "English": "The ledger holds every channel to its monthly budget, to the cent. " * 30,
    "special tokens": "<|endoftext|><|im_start|>[INST]<s></s>\n\nHuman:" * 40,
}


def counters() -> dict[str, Callable[[str], int]]:
    """The tokenizers that litellm ships, so that nothing is downloaded."""
    folder = Path(str(litellm.__file__)).parent / "litellm_core_utils" / "tokenizers"
    claude = Tokenizer.from_file(str(folder / "anthropic_tokenizer.json"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", str(folder))
        o200k, cl100k = tiktoken.get_encoding("o200k_base"), tiktoken.get_encoding("cl100k_base")
    return {
        "o200k_base": lambda text: len(o200k.encode(text, disallowed_special=())),
        "cl100k_base": lambda text: len(cl100k.encode(text, disallowed_special=())),
        "claude": lambda text: len(claude.encode(text).ids),
    }


COUNTERS = counters()
each_tokenizer = pytest.mark.parametrize("count", list(COUNTERS.values()), ids=list(COUNTERS))


def bound(text: str) -> int:
    return input_tokens_max(text, framing_tokens=0, messages=0)


@each_tokenizer
@pytest.mark.parametrize("text", list(HOSTILE.values()), ids=list(HOSTILE))
def test_no_hostile_text_is_more_tokens_than_its_bound(count: Callable[[str], int], text: str) -> None:
    assert count(text) <= bound(text)


@each_tokenizer
@examples(150)
@given(text=st.text(max_size=200))
def test_no_text_at_all_is_more_tokens_than_its_bound(count: Callable[[str], int], text: str) -> None:
    assert count(text) <= bound(text)


def test_bytes_alone_would_not_be_a_bound() -> None:
    text = HOSTILE["ligature that NFKC makes eleven times longer"]
    assert COUNTERS["claude"](text) > len(text.encode())


def test_escaping_in_the_body_only_adds() -> None:
    body = json.dumps({"content": HOSTILE["controls"]}, ensure_ascii=False)
    assert bound(body) > bound(HOSTILE["controls"])


def test_framing_grows_with_messages() -> None:
    assert input_tokens_max("abc", framing_tokens=64, messages=3) == 3 + 64 + 24


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("openai/gpt-4o-mini", 48_200),
        ("openai/gpt-4o", 10_000),
        ("anthropic/claude-x", 5_000),
        ("gemini/g", 10_400),
        ("other/one", 50_000),
    ],
)
def test_images_have_a_bound_for_every_provider(model: str, tokens: int) -> None:
    assert image_tokens_max(model) == tokens


def priced(entry: dict[str, Any], *, provider: str = "openai", model: str = "openai/m") -> Price | None:
    return price_from_map(entry, model=model, provider=provider, source="test")


def test_a_price_is_exact_in_nano_dollars() -> None:
    found = priced(
        {"input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06, "cache_read_input_token_cost": 2.5e-08}
    )
    assert found == Price(250_000_000, 2_000_000_000, 25_000_000, source="test")
    assert found.cost_nusd(Usage(1000, 10)) == 270_000


def test_long_prompts_are_dearer_in_both_ways_the_map_says_it() -> None:
    suffixed = {
        "litellm_provider": "gemini",
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "input_cost_per_token_above_200k_tokens": 2.5e-06,
        "output_cost_per_token_above_200k_tokens": 1.5e-05,
        "cache_read_input_token_cost": 1.25e-07,
        "cache_read_input_token_cost_above_200k_tokens": 2.5e-07,
    }
    tiers = (Tier(200_000, 2_500_000_000, 15_000_000_000),)
    assert priced(suffixed, provider="gemini") == Price(
        1_250_000_000, 10_000_000_000, 250_000_000, tiers=tiers, source="test"
    )
    listed = {
        "tiered_pricing": [
            {"range": [0, 256e3], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
            {"range": [256e3, 1e6], "input_cost_per_token": 2.5e-07, "output_cost_per_token": 2e-06},
        ]
    }
    assert priced(listed) == Price(
        50_000_000, 400_000_000, tiers=(Tier(256_000, 250_000_000, 2_000_000_000),), source="test"
    )


def test_rates_we_cannot_tell_apart_count_at_the_dearest() -> None:
    entry = {
        "input_cost_per_token": 1e-06,
        "cache_creation_input_token_cost": 1.25e-06,
        "output_cost_per_token": 2e-06,
        "output_cost_per_reasoning_token": 3e-06,
    }
    written = {"source": "test", "cache_write_nusd_per_mtok": 1_250_000_000}
    assert priced(entry) == Price(1_250_000_000, 3_000_000_000, **written)
    assert priced(entry, provider="anthropic") == Price(1_000_000_000, 3_000_000_000, **written)


def test_the_map_knows_what_claude_takes_for_writing_into_a_cache() -> None:
    entry = litellm.model_cost["claude-sonnet-4-5"]
    found = priced(entry, provider="anthropic", model="anthropic/claude-sonnet-4-5")
    assert found is not None
    assert (found.cache_write_nusd_per_mtok, found.cache_write_1h_nusd_per_mtok) == (3_750_000_000, 6_000_000_000)


@pytest.mark.parametrize(
    ("model", "entry"),
    [
        ("openai/m", {}),
        ("openai/m", {"input_cost_per_token": 1e-06}),
        ("openai/m", {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06, "input_cost_per_request": 0.005}),
        ("openai/m", {"input_cost_per_second": 0.001, "output_cost_per_token": 0.0, "input_cost_per_token": 0.0}),
        ("perplexity/sonar", {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}),
        ("openai/gpt-4o-search-preview", {"input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}),
    ],
)
def test_what_tokens_do_not_bound_has_no_price(model: str, entry: dict[str, Any]) -> None:
    assert priced(entry, model=model) is None


def test_free_is_a_price() -> None:
    found = priced({"input_cost_per_token": 0.0, "output_cost_per_token": 0.0})
    assert found is not None
    assert found.is_free


def test_the_map_prices_the_chat_models_of_the_big_three_sanely() -> None:
    """A million tokens each way cost at most $300 with any of them: a slip of the decimal point would show."""
    found = [
        price_from_map(entry, model=name, provider=entry["litellm_provider"], source="test")
        for name, entry in litellm.model_cost.items()
        if entry.get("mode") == "chat" and entry["litellm_provider"] in {"openai", "anthropic", "gemini"}
    ]
    known = [price for price in found if price is not None]
    assert len(known) > 0.8 * len(found) > 80
    assert max(p.bound_nusd(input_tokens=10**6, output_tokens=10**6) for p in known) <= 300 * 10**9
