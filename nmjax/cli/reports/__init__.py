"""Reports that commands print, and files that they write."""
