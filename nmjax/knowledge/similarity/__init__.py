"""How alike two tasks are: measures with intervals."""
