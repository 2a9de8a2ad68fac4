"""Programs that run in the virtual environment of another package."""
