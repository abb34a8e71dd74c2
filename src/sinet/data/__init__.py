"""Labelled pictures for learning: what is listed, what is held in memory, what is drawn from it. NumPy, no torch."""
