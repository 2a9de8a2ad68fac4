"""The evaluation protocol: held-out tasks, methods, comparisons."""
