"""``python -m deploy.shop.product --port N``."""

from deploy.shop.product.app import build
from deploy.shop.service import run

if __name__ == "__main__":
    run("product", build=build)
