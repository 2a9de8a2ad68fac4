"""Other optimizers, each in its own virtual environment, and their trajectories."""
