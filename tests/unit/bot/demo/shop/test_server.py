"""The shop of the tour: what it says, what it refuses, and what it keeps."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ContentBlock

from bot.demo.shop.server import Shop


def texts(blocks: Sequence[ContentBlock]) -> str:
    return "\n".join(getattr(block, "text", getattr(block, "uri", "")) for block in blocks)


def test_an_order_and_a_rule_name_the_page_they_stand_on(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop.json")
    assert texts(shop.find_order(1042)) == (
        "Order 1042, delivered.\n- desk lamp, $38.00, not refunded\n- light bulbs, $9.00, not refunded\n"
        "https://shop.example/orders/1042"
    )
    assert "refunded in full" in texts(shop.read_rule("damaged"))
    assert list(tmp_path.iterdir()) == []


def test_a_refund_is_made_once_also_by_the_next_process(tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    assert Shop(file).refund_item(1042, "desk lamp", "broken") == (
        "Refunded $38.00 for the desk lamp of order 1042 (receipt R-1042-1): broken"
    )
    again = Shop(file)
    assert "- desk lamp, $38.00, refunded (receipt R-1042-1)" in texts(again.find_order(1042))
    with pytest.raises(ToolError, match="refunded already \\(receipt R-1042-1\\)"):
        again.refund_item(1042, "desk lamp", "broken")


@pytest.mark.parametrize(
    ("number", "item", "words"),
    [
        (7, "desk lamp", "There is no order 7"),
        (1042, "sofa", "has no sofa. It has: desk lamp, light bulbs"),
        (1044, "desk lamp", "is on its way; only what was delivered"),
    ],
)
def test_what_cannot_be_refunded_is_refused_with_the_reason(tmp_path: Path, number: int, item: str, words: str) -> None:
    shop = Shop(tmp_path / "shop.json")
    with pytest.raises(ToolError, match=words):
        shop.refund_item(number, item, "broken")
    assert list(tmp_path.iterdir()) == []
