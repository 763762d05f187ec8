"""Money as integer nano-dollars: $0.02 per million tokens is 20 nano-dollars a token, and floats would round it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

from patterns.core.errors import UserError

NUSD_PER_USD = 1_000_000_000
CENT_NUSD = NUSD_PER_USD // 100
_LEFT_NUSD = CENT_NUSD // 100
"""The four decimals of what is left below a dollar."""
TOKENS_PER_MTOK = 1_000_000
_SHOWN_MAX = 40
MAX_NUSD = 1_000_000 * NUSD_PER_USD
"""A million dollars: past any budget here, and far inside a 64-bit integer even summed a thousand times."""


def parse_usd(text: str | int | Decimal) -> int:
    """Return the nano-dollars of an amount such as `12.50`, `$12.50` or `Decimal("0.02")`.

    Raises:
        UserError: not a plain decimal number of dollars, negative, finer than a nano-dollar, or absurd.
    """
    plain = str(text).strip().removeprefix("$")
    amount = _decimal(plain)
    nusd = amount * NUSD_PER_USD
    if nusd != nusd.to_integral_value():
        raise UserError(f"{_short(plain)} is finer than a billionth of a dollar. Write at most nine decimals.")
    if not 0 <= nusd <= MAX_NUSD:
        raise UserError(f"{_short(plain)} is not an amount I can take. Write dollars between 0 and 1000000.")
    return int(nusd)


def _short(plain: str) -> str:
    return plain if len(plain) <= _SHOWN_MAX else f"{plain[:_SHOWN_MAX]}…"


def _decimal(plain: str) -> Decimal:
    if not plain.isascii() or not plain.replace(".", "", 1).isdigit():
        raise UserError(f"{_short(plain)!r} is not an amount in dollars. Write it like 25 or 25.50.")
    try:
        return Decimal(plain)
    except InvalidOperation:
        raise UserError(f"{_short(plain)!r} is not an amount in dollars. Write it like 25 or 25.50.") from None


def format_usd(nusd: int) -> str:
    """Return what is spent, held or priced as people read it: cents, or two digits below one cent (`$0.0042`).

    Rounded up, everywhere: nothing costs more than it says, and what is left is the rest (`format_left`).
    """
    return _format(nusd, ROUND_CEILING)


def exact_usd(nusd: int) -> str:
    """Return dollars to the last digit that counts, never rounded: `$0.02`, `$0.0012345`."""
    whole, rest = divmod(abs(nusd), NUSD_PER_USD)
    digits = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{'-' if nusd < 0 else ''}${whole:,}.{digits}"


def format_left(limit_nusd: int, *taken_nusd: int) -> str:
    """Return what is left of a limit: the limit less every amount taken as `format_usd` shows it, rounded down.

    To the cent from a dollar on, below to four decimals, the last cent to two digits. So the amounts of one account add
    up, and no more is promised than there is.
    """
    exact_nusd = max(0, limit_nusd - sum(taken_nusd))
    if exact_nusd < CENT_NUSD:
        return _format(exact_nusd, ROUND_FLOOR)
    rest_nusd = max(0, limit_nusd - sum(map(_shown, taken_nusd)))
    return exact_usd(rest_nusd - rest_nusd % (CENT_NUSD if rest_nusd >= NUSD_PER_USD else _LEFT_NUSD))


def _shown(nusd: int) -> int:
    """Return an amount as `format_usd` rounds it."""
    step_nusd = CENT_NUSD if nusd >= CENT_NUSD else 10 ** max(0, len(str(nusd)) - 2)
    return -(-nusd // step_nusd) * step_nusd


def _format(nusd: int, rounding: str) -> str:
    sign = "-" if nusd < 0 else ""
    amount = Decimal(abs(nusd)) / NUSD_PER_USD
    cents = Decimal("0.01")
    if 0 < amount < cents:
        amount = amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1), rounding)
        # Rounding may have carried into the next place, and $0.0100 would be a digit too many.
        cents = cents if amount >= cents else Decimal(1).scaleb(amount.adjusted() - 1)
    return f"{sign}${amount.quantize(cents, rounding):,f}"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call as the provider counted them.

    `output_tokens` includes hidden reasoning; `input_tokens` includes what was read from a cache
    (`cached_input_tokens`) and written into one, for five minutes or for an hour. `searches` are those of the web.
    """

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0
    images: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    searches: int = 0


@dataclass(frozen=True, slots=True)
class Tier:
    """Higher rates that apply to the whole call once its input is longer than `above_input_tokens`."""

    above_input_tokens: int
    input_nusd_per_mtok: int
    output_nusd_per_mtok: int


_TIER = re.compile(r";>(\d+):(\d+)/(\d+)")
_VERSION = re.compile(
    r"(?P<input>\d+)(?:~(?P<cached>\d+))?(?:\^(?P<five>\d+))?(?:\^1h(?P<hour>\d+))?/(?P<output>\d+)(?:\+(?P<image>\d+))?"
    r"(?P<tiers>(?:;>\d+:\d+/\d+)*)(?:\*(?P<search>\d+))?"
)
"""What `Price.version` writes."""


@dataclass(frozen=True, slots=True)
class Price:
    """The rates of a model in nano-dollars per million tokens, and their source.

    Input that is written into a cache has its own rates, for five minutes and for an hour; where they are not known,
    they are Anthropic's: 1.25 and 2 times the input's.
    """

    input_nusd_per_mtok: int
    output_nusd_per_mtok: int
    cached_input_nusd_per_mtok: int | None = None
    image_nusd: int = 0
    tiers: Sequence[Tier] = field(default=())
    source: str = "roster"
    cache_write_nusd_per_mtok: int | None = None
    cache_write_1h_nusd_per_mtok: int | None = None
    search_nusd: int = 0
    """What one search of the web costs, in a call that may search."""
    is_play: bool = False
    """The rates are made up and nobody sends a bill, so a lost call costs nothing for certain."""

    @property
    def is_free(self) -> bool:
        """Return whether every rate is zero; a free call needs no balance."""
        rates = [self.input_nusd_per_mtok, self.output_nusd_per_mtok, self.image_nusd]
        rates += [self.cache_write_nusd_per_mtok or 0, self.cache_write_1h_nusd_per_mtok or 0, self.search_nusd]
        return not any(rates) and not any(t.input_nusd_per_mtok or t.output_nusd_per_mtok for t in self.tiers)

    @property
    def version(self) -> str:
        """Return the rates as one short string, kept with each call so that an old bill can be recomputed."""
        tiers = "".join(
            f";>{t.above_input_tokens}:{t.input_nusd_per_mtok}/{t.output_nusd_per_mtok}" for t in self.tiers
        )
        cached = "" if self.cached_input_nusd_per_mtok is None else f"~{self.cached_input_nusd_per_mtok}"
        five, hour = self.cache_write_nusd_per_mtok, self.cache_write_1h_nusd_per_mtok
        written = ("" if five is None else f"^{five}") + ("" if hour is None else f"^1h{hour}")
        image = f"+{self.image_nusd}" if self.image_nusd else ""
        search = f"*{self.search_nusd}" if self.search_nusd else ""
        return f"{self.input_nusd_per_mtok}{cached}{written}/{self.output_nusd_per_mtok}{image}{tiers}{search}"

    @classmethod
    def from_version(cls, version: str) -> "Price":
        """Return the rates that `version` tells, so that an old bill can be recomputed.

        Raises:
            ValueError: no such version.
        """
        found = _VERSION.fullmatch(version)
        if found is None:
            raise ValueError(f"{version[:80]!r} tells no price")
        told = {
            name: None if value is None else int(value) for name, value in found.groupdict().items() if name != "tiers"
        }
        tiers = [tuple(map(int, numbers)) for numbers in _TIER.findall(found["tiers"])]
        return cls(
            told["input"] or 0,
            told["output"] or 0,
            told["cached"],
            told["image"] or 0,
            tuple(Tier(*numbers) for numbers in tiers),
            cache_write_nusd_per_mtok=told["five"],
            cache_write_1h_nusd_per_mtok=told["hour"],
            search_nusd=told["search"] or 0,
        )

    def cost_nusd(self, usage: Usage) -> int:
        """Return the price of a finished call, rounded up once to a whole nano-dollar."""
        rate_in, rate_out = self.input_nusd_per_mtok, self.output_nusd_per_mtok
        for tier in sorted(self.tiers, key=lambda t: t.above_input_tokens):
            if usage.input_tokens > tier.above_input_tokens:
                rate_in, rate_out = tier.input_nusd_per_mtok, tier.output_nusd_per_mtok
        cached_rate = rate_in
        if self.cached_input_nusd_per_mtok is not None:
            cached_rate = min(rate_in, self.cached_input_nusd_per_mtok)
        write_rate, write_1h_rate = self._write_rates(rate_in)
        # Counts that overlap are taken as told, the dearest first, and never beyond the input there was.
        left = usage.input_tokens
        total = usage.output_tokens * rate_out
        for tokens, rate in (
            (usage.cache_write_1h_tokens, write_1h_rate),
            (usage.cache_write_tokens, write_rate),
            (usage.cached_input_tokens, cached_rate),
        ):
            taken = min(tokens, left)
            left -= taken
            total += taken * rate
        total += left * rate_in
        extra = usage.images * self.image_nusd + usage.searches * self.search_nusd
        return -(-total // TOKENS_PER_MTOK) + extra

    def bound_nusd(
        self,
        *,
        input_tokens: int,
        output_tokens: int,
        images: int = 0,
        writes_cache: bool = False,
        searches: int = 0,
    ) -> int:
        """Return the most a call within these counts can cost: at the dearest tier its input could reach.

        `writes_cache` is whether any of its input may be written into a cache, which is dearer than reading it.
        """
        reachable = [t for t in self.tiers if input_tokens > t.above_input_tokens]
        rates_in = [self.input_nusd_per_mtok, *(t.input_nusd_per_mtok for t in reachable)]
        if writes_cache:
            rates_in += [rate for plain in tuple(rates_in) for rate in self._write_rates(plain)]
        rate_out = max([self.output_nusd_per_mtok, *(t.output_nusd_per_mtok for t in reachable)])
        total = input_tokens * max(rates_in) + output_tokens * rate_out
        return -(-total // TOKENS_PER_MTOK) + images * self.image_nusd + searches * self.search_nusd

    def _write_rates(self, rate_in: int) -> tuple[int, int]:
        """Return the rates of cache writes for five minutes and an hour where plain input costs `rate_in`."""
        first = self.input_nusd_per_mtok

        def rate(known: int | None, numerator: int, denominator: int) -> int:
            if known is None:
                return -(-rate_in * numerator // denominator)
            return -(-known * rate_in // first) if first and rate_in != first else known

        return rate(self.cache_write_nusd_per_mtok, 5, 4), rate(self.cache_write_1h_nusd_per_mtok, 2, 1)


def rate_nusd_per_mtok(usd_per_mtok: Decimal) -> int:
    """Return dollars per million tokens as an integer rate, rounded up to a whole nano-dollar."""
    return int((usd_per_mtok * NUSD_PER_USD).to_integral_value(ROUND_CEILING))
