"""The shop as a person sees it: v1 is a price list, v2 a wall of cards with ratings and member prices."""

from __future__ import annotations

from html import escape

from deploy.shop.product.catalogue import ITEMS, Item, price_cents

STYLE = """
:root { color-scheme: light dark; --edge: light-dark(#d4d4da, #3a3d44);
  --soft: light-dark(#666670, #9296a1); }
body { margin: 0 auto; max-width: 960px; padding: 32px 16px;
  font: 16px/1.5 system-ui, "PingFang SC", "Microsoft YaHei", sans-serif; }
header { display: flex; align-items: baseline; gap: 16px; flex-wrap: wrap; margin-bottom: 24px; }
h1 { font-size: 28px; margin: 0; } small { color: var(--soft); }
.badge { border: 2px solid var(--version); border-radius: 999px; padding: 0 12px; font-weight: 600; }
.v1 { --version: #0072b2; } .v2 { --version: #e69f00; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: start; padding-bottom: 8px; color: var(--soft); }
th, td { text-align: start; padding: 8px; border-bottom: 1px solid var(--edge); }
td:last-child, th:last-child { text-align: end; font-variant-numeric: tabular-nums; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 16px;
  list-style: none; padding: 0; }
li { border: 1px solid var(--edge); border-top: 4px solid var(--version); border-radius: 8px; padding: 16px; }
li h2 { font-size: 16px; margin: 0; } li p { margin: 8px 0 0; } s { color: var(--soft); }
"""

# fetch with keepalive, not sendBeacon: a beacon cannot carry the x-variant header.
SCRIPT = """
const opened = performance.now();
addEventListener("pagehide", () => fetch("/dwell", {
  method: "POST", keepalive: true,
  headers: {"content-type": "application/json", "x-variant": document.body.className},
  body: JSON.stringify({seconds: (performance.now() - opened) / 1000}),
}));
"""


def shop_page(*, version: str) -> str:
    """Return the page of one version, complete in itself: no font, script or picture from elsewhere."""
    goods = _price_list() if version == "v1" else _cards(version=version)
    return f"""<!doctype html>
<html lang="zh-Hans">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>小店 · Small shop</title><style>{STYLE}</style>
</head>
<body class="{version}">
<header><h1>小店 <span lang="en">Small shop</span></h1><span class="badge">{version}</span></header>
<main>{goods}</main>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _yuan(cents: int) -> str:
    return f"¥{cents / 100:,.2f}"


def _price_list() -> str:
    rows = "".join(
        f"<tr><td>{escape(item.title)}</td><td lang='en'>{escape(item.name)}</td>"
        f"<td>{_yuan(price_cents(item, version='v1'))}</td></tr>"
        for item in ITEMS
    )
    head = "<tr><th>商品</th><th lang='en'>Product</th><th>价格 Price</th></tr>"
    return f"<table><caption>价目表 Price list</caption><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _cards(*, version: str) -> str:
    return f"<ul>{''.join(_card(item, version=version) for item in ITEMS)}</ul>"


def _card(item: Item, *, version: str) -> str:
    price = f"<strong>{_yuan(price_cents(item, version=version))}</strong> <s>{_yuan(item.price_cents)}</s>"
    return (
        f"<li><h2>{escape(item.title)}</h2><small lang='en'>{escape(item.name)}</small>"
        f"<p>会员价 Members {price}</p>"
        f"<p><small>评分 Rating {item.rating} · 库存 Stock {item.stock}</small></p></li>"
    )
