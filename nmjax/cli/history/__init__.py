"""`nmjax history`: import, show, export and merge stores of past evaluations."""
