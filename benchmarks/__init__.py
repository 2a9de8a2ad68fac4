"""Speed and quality against peers; what was measured lies in `results/`."""
