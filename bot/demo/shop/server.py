"""Serve the shop's orders over the Model Context Protocol, on standard input and output; refunds stand in a file.

A separate program (`python -P server.py STATE_FILE`) that imports nothing of ours, like any tool server.
"""

import json
import sys
from pathlib import Path
from typing import Any, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ContentBlock, ResourceLink, TextContent

ADDRESS = "https://shop.example"
ORDERS: dict[str, dict[str, Any]] = {
    "1042": {"status": "delivered", "items": {"desk lamp": 38.0, "light bulbs": 9.0}, "refunds": {}},
    "1043": {"status": "delivered", "items": {"bookshelf": 129.0}, "refunds": {}},
    "1044": {"status": "on its way", "items": {"desk lamp": 38.0}, "refunds": {}},
}
RULES = {
    "damaged": (
        "Damaged goods",
        "What arrives damaged is refunded in full. Below $50 it need not be sent back. Ask for a photo if in doubt.",
    ),
    "returns": ("Returns", "What is not wanted can be sent back within 30 days of delivery, unused."),
    "delivery": ("Delivery", "Parcels take three working days. What has not come after ten is sent again."),
}


class Shop:
    """The orders of one state file; without the file they are as at the beginning."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._orders: dict[str, dict[str, Any]] = json.loads(
            file.read_text("utf-8") if file.exists() else json.dumps(ORDERS)
        )

    def find_order(self, order: int) -> list[ContentBlock]:
        """Say what is in an order, whether it was delivered, and what was refunded of it."""
        found = self._order(order)
        lines = [f"Order {order}, {found['status']}."]
        for item, price in found["items"].items():
            receipt = found["refunds"].get(item)
            lines.append(f"- {item}, ${price:.2f}, {f'refunded (receipt {receipt})' if receipt else 'not refunded'}")
        return _page("\n".join(lines), f"Order {order}", f"orders/{order}")

    def read_rule(self, topic: Literal["damaged", "returns", "delivery"]) -> list[ContentBlock]:
        """Say what the shop's rules are on a topic."""
        title, text = RULES[topic]
        return _page(text, f"Rules: {title}", f"rules/{topic}")

    def refund_item(self, order: int, item: str, reason: str) -> str:
        """Refund one item of a delivered order to the card that it was paid with; `reason` goes on the receipt."""
        found = self._order(order)
        items, refunds = found["items"], found["refunds"]
        if item not in items:
            raise ToolError(f"Order {order} has no {item}. It has: {', '.join(items)}.")
        if found["status"] != "delivered":
            raise ToolError(f"Order {order} is {found['status']}; only what was delivered is refunded.")
        if item in refunds:
            raise ToolError(f"The {item} was refunded already (receipt {refunds[item]}). Nothing was paid.")
        refunds[item] = f"R-{order}-{len(refunds) + 1}"
        self._save()
        return f"Refunded ${items[item]:.2f} for the {item} of order {order} (receipt {refunds[item]}): {reason}"

    def _order(self, order: int) -> dict[str, Any]:
        try:
            return self._orders[str(order)]
        except KeyError:
            raise ToolError(f"There is no order {order}. Orders: {', '.join(self._orders)}.") from None

    def _save(self) -> None:
        """Write the whole state; a process that is killed leaves the old file or the new one."""
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(self._orders, indent=1), "utf-8")
        draft.replace(self._file)


def _page(text: str, title: str, path: str) -> list[ContentBlock]:
    """Return a result with the page it stands on, which is its source."""
    link = ResourceLink(type="resource_link", name=path, title=title, uri=f"{ADDRESS}/{path}")
    return [TextContent(type="text", text=text), link]


def main(file: Path) -> None:
    """Serve the shop until standard input ends."""
    shop, server = Shop(file), MCPServer("shop")
    for tool in (shop.find_order, shop.read_rule, shop.refund_item):
        server.add_tool(tool)
    server.run("stdio")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
