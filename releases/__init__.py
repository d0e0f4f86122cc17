"""One release, from the request to the audit trail. How a rollout flows: ``README.md`` beside this file."""
