"""What commands print for people, and the files that they write beside it."""
