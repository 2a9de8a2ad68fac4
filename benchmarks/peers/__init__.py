"""Other optimizers, each in a virtual environment of its own, and the trajectories they left."""
