"""torch -> artefact: the exact graph rewrite, and the files that the running half takes."""
