"""``overview/``: one row per service, and above them what needs a person. One request instead of one per
service.
"""
