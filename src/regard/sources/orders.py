"""Orders out of the e-commerce events of Segment's list, where an event says without doubt what was bought.

``Order Completed`` becomes one row per article where the articles add up to what was paid, else one row for the whole
order. ``Order Refunded`` and ``Order Cancelled`` become a row of the same order with nothing paid and what was given
back, so that the order's sums are right whether everything or a part went back. Without an order id or an amount the
event stays an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regard.sources.items import Row, labels_of, number_of, number_text, packed, row

COMPLETED, BACK = "order completed", {"order refunded": "refunded", "order cancelled": "cancelled"}
CENT = 0.01


def rows(name: str, properties: dict[str, Any], known: dict[str, Any], labels: dict[str, str]) -> Sequence[Row]:
    """The event and its order rows; nothing where the event is no order, or says too little.

    Args:
        name: The event.
        properties: What it says.
        known: Ids and times shared by every row of the item.
        labels: Labels from elsewhere.
    """
    lowered = name.lower()
    if lowered != COMPLETED and lowered not in BACK:
        return ()
    order = properties.get("order_id")
    order = number_text(order) if isinstance(order, int | float) and not isinstance(order, bool) else order
    paid = next((n for k in ("total", "revenue", "value") if (n := number_of(properties.get(k))) is not None), None)
    if not isinstance(order, str) or not order or paid is None:
        return ()
    labels = labels | labels_of(properties, without={"products"})
    event = row("event", **known, name=name, labels=packed(labels))
    currency = properties.get("currency")
    shared = {
        **known, "order_id": order, "currency": currency if isinstance(currency, str) else None,
        "labels": packed(labels_of(properties, without={"products", "order_id", "total", "revenue", "currency"})),
    }  # fmt: skip
    if lowered in BACK:
        back = {"key": f"{order}:{known['message_id']}", "amount": 0.0, "refunded": paid, "status": BACK[lowered]}
        return [event, row("order", **{**shared, **back})]
    return [event, *_bought(order, properties.get("products"), paid, shared)]


def _bought(order: str, products: Any, paid: float, shared: dict[str, Any]) -> list[Row]:
    lines = [p for p in products if isinstance(p, dict)] if isinstance(products, list) else []
    prices = [(number_of(p.get("price")), number_of(p.get("quantity", 1))) for p in lines]
    amounts = [price * many for price, many in prices if price is not None and many is not None]
    if len(lines) > 1 and len(amounts) == len(lines) and abs(sum(amounts) - paid) < CENT:
        return [
            _line(shared, product, key=f"{order}:{number}", amount=amount, many=many, mark=f"#{number}")
            for number, (product, amount, (_, many)) in enumerate(zip(lines, amounts, prices, strict=True), start=1)
        ]
    if len(lines) == 1:
        return [_line(shared, lines[0], key=order, amount=paid, many=prices[0][1])]
    quantity = sum(many or 0.0 for _, many in prices) or None
    return [row("order", **shared, key=order, amount=paid, quantity=quantity, status="completed")]


def _line(
    shared: dict[str, Any], product: dict[str, Any], *, key: str, amount: float, many: float | None, mark: str = ""
) -> Row:
    named = next((v for n in ("name", "sku", "product_id") if isinstance(v := product.get(n), str) and v), None)
    category = product.get("category")
    own = {"key": key, "product": named, "category": category if isinstance(category, str) else None}
    own |= {"message_id": f"{shared['message_id']}{mark}", "status": "completed"}
    return row("order", **{**shared, **own}, amount=amount, quantity=many)
