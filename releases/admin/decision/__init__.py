"""The decision page: what would change, on which evidence, and what this person may do about it.

Reads come from ``selectors``; nothing here decides, and no condition is on the state: what is shown as
possible is what ``selectors.allowed_events`` answers.
"""
