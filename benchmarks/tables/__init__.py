"""Tables and figures of the README and the documentation, from result files."""
