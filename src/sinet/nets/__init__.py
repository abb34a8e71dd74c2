"""The networks as torch modules, one architecture per file. This is the learning half; running needs none of it."""
