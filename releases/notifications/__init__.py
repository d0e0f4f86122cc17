"""Telling people and machines: what a message looks like on each platform, and how it gets there."""
