"""Tables and figures of the README and the documentation, made from result files."""
