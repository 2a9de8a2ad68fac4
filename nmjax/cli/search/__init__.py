"""`nmjax search`: search a benchmark, or a problem of your own."""
