"""What the shop sells, and how each version of product describes it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One product. The price is in cents of a yuan."""

    id: str
    name: str
    title: str
    category: str
    price_cents: int
    rating: float
    stock: int


ITEMS = (
    Item("p-1", "Celadon teapot", "青瓷茶壶", "tea", 26_800, 4.8, 41),
    Item("p-2", "Jasmine tea, 250 g", "茉莉花茶 250 克", "tea", 6_900, 4.6, 320),
    Item("p-3", "Bamboo tea tray", "竹制茶盘", "tea", 15_900, 4.4, 77),
    Item("p-4", "Writing brush set", "毛笔套装", "study", 12_800, 4.7, 58),
    Item("p-5", "Ink stone", "砚台", "study", 33_900, 4.9, 12),
    Item("p-6", "Rice paper, 100 sheets", "宣纸 100 张", "study", 4_900, 4.3, 410),
    Item("p-7", "Paper lantern", "纸灯笼", "home", 3_900, 4.1, 265),
    Item("p-8", "Silk cushion", "丝绸靠垫", "home", 18_900, 4.5, 90),
    Item("p-9", "Porcelain bowl", "瓷碗", "home", 5_900, 4.6, 204),
    Item("p-10", "Oil-paper umbrella", "油纸伞", "home", 9_900, 4.2, 133),
    Item("p-11", "Steamer basket", "蒸笼", "kitchen", 7_900, 4.7, 150),
    Item("p-12", "Carbon-steel wok", "铁锅", "kitchen", 21_900, 4.8, 66),
)
BY_ID = {item.id: item for item in ITEMS}

MEMBER_DISCOUNT = 5
"""Percent off for everyone in v2: the difference a shopper sees first."""


def price_cents(item: Item, *, version: str) -> int:
    """Return the price this version asks, in cents."""
    return item.price_cents if version == "v1" else item.price_cents * (100 - MEMBER_DISCOUNT) // 100


def as_json(item: Item, *, version: str) -> dict[str, object]:
    """Describe one item as this version does; v2 adds currency, rating, stock and the old price."""
    described: dict[str, object] = {
        "id": item.id,
        "name": item.name,
        "title": item.title,
        "price_cents": price_cents(item, version=version),
    }
    if version != "v1":
        described |= {
            "list_price_cents": item.price_cents,
            "currency": "CNY",
            "category": item.category,
            "rating": item.rating,
            "stock": item.stock,
        }
    return described


def search(words: str) -> list[Item]:
    """Return the matching items in catalogue order.

    Chinese is matched anywhere in the name, English at the beginning of a word: tea is no steamer.
    """
    wanted = words.strip().casefold()
    return [
        item
        for item in ITEMS
        if wanted in item.title.casefold() or f" {wanted}" in f" {item.name} {item.category}".casefold()
    ]
