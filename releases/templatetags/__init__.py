"""Template tags of the operators' face."""
