"""Where the pulse leaves its time, for health pages."""

LAST_PULSE = "last_pulse"
