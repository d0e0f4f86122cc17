"""``freezes/``, ``release-windows/``, ``holidays/``, ``calendar/``, ``calendar.ics``: when things may go forward."""
