"""Exports of other tools, each as the table of its trials."""
