"""How good searches are and what they cost."""
