"""Artefact -> numbers: accuracy and latency of what users run. No torch."""
