"""Graph networks: graphs and their nodes, real ones to classify, and a family of networks."""
