"""Tables of papers: published numbers beside measured ones, one script each."""
