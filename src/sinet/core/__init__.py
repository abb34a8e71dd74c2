"""Vocabulary and arithmetic on pixels: no files, no clocks, no randomness."""
