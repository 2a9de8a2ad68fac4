"""Meta-learners under one Protocol."""
