"""Cells: labeled graphs, their structure and their isomorphisms."""
