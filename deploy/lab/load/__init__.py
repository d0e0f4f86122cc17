"""Shoppers for the demo shop: bounded in rate, in number at once, and in time."""
