"""Files and folders of past evaluations."""
