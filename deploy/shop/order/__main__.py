"""``python -m deploy.shop.order --port N``."""

from deploy.shop.order.app import build
from deploy.shop.service import run

if __name__ == "__main__":
    run("order", build=build)
