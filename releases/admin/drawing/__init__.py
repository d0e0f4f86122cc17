"""What the decision page draws, as geometry: values in, frozen dataclasses out, no database and no HTML.

Horizontal places are percent of the width that is there, vertical ones are pixels: a picture is never
scaled, so its text keeps its size on a phone.
"""
