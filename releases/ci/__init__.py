"""What a pipeline runs. A folder of its own: a script's folder comes first in Python's path, and ``releases/`` would hide modules of
the standard library (``selectors``)."""
