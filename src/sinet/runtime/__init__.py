"""Run an artefact: one small file per engine behind one protocol, and the catalogue of what is packaged."""
