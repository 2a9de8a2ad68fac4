"""Programs that run in the virtual environment of a peer."""
