"""Speed and quality against other packages; measured results are in `results/`."""
