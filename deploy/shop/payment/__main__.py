"""``python -m deploy.shop.payment --port N``."""

from deploy.shop.payment.app import build
from deploy.shop.service import run

if __name__ == "__main__":
    run("payment", build=build)
