"""Benchmarks of speed and quality; results are in `results/`."""
