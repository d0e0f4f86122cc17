"""The mesh and its telemetry. Knows no Django: values, pure functions, two small ports and their adapters."""
