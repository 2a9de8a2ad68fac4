"""Meta-learners, one family per module."""
