"""Our own stand-ins for the outside systems: they keep the ports' contracts (tests/contracts runs both)."""
