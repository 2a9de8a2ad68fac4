"""What to write instead of Optuna's names, for the errors of attributes that do not exist."""

STUDY_NAMES = {
    "best_params": "study.best.config",
    "best_trial": "study.best",
    "best_value": "study.best.value",
    "enqueue_trial": "study.attach(config), which returns a running trial",
    "add_trial": "study.tell(config, value)",
    "get_trials": "study.trials",
    "optimize": "`for trial in study: study.tell(trial, objective(**trial.config))`",
    "trials_dataframe": "pandas.DataFrame(study.to_records())",
}
_SUGGEST = "trial.config[name], with the choice declared in the Space"
TRIAL_NAMES = {
    "params": "trial.config",
    "values": "trial.value",
    "suggest_categorical": _SUGGEST,
    "suggest_float": _SUGGEST,
    "suggest_int": _SUGGEST,
}
