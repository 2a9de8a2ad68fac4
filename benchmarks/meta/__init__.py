"""What meta-learning is worth and what it costs."""
