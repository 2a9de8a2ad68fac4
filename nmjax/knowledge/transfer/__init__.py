"""Transfer of priors, spaces, cost limits and sampling distributions to a new task."""
