"""The operators' door: pages that read by ``selectors``, act by ``flow``, and turn refusals into messages."""
