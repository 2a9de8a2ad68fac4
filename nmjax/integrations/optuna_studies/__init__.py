"""Exchange past searches with Optuna: a study is a task.

Needs `pip install "nmjax[optuna]"`.
"""
