"""How a space is described: choices, their specifications and conditions, and the space itself."""
