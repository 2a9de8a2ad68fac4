"""Random inputs for all readers and the command line."""
