"""Children that train: the suite that nmjax makes, equivalence and throughput."""
