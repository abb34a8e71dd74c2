"""Recipe and data -> weights: draws, losses, the loop, checkpoints. This is the learning half; it needs torch."""
