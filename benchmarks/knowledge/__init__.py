"""What knowledge of past tasks is worth, and what it costs to keep."""
