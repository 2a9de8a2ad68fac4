"""Tables of past evaluations: formats, values, and the reader and writer of histories."""
