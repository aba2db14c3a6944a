"""What of scikit-learn's own tests of its logistic regression is not asked of ours, and why.

Names are regular expressions of whole test names, with parameters in brackets.
"""

#: The version whose tests these are; another minor version has others.
SCIKIT_LEARN = "1.9"

#: Nothing in these is ours: they are not run.
NOT_OURS = {
    r"test_.*(cv|CV).*": "LogisticRegressionCV is scikit-learn's",
    r"test_scores_attribute_layout_elasticnet": "LogisticRegressionCV is scikit-learn's",
    r"test_get_default_scorer|test_lr_scoring_warns": "LogisticRegressionCV is scikit-learn's",
    r"test_passing_params_without_enabling_metadata_routing": (
        "LogisticRegressionCV is scikit-learn's"
    ),
    r"test_.*\[.*LogisticRegressionCV.*\]": "LogisticRegressionCV is scikit-learn's",
    r"test_consistency_path.*|test_logistic_regression_path_.*": "a private function",
    r"test_.*liblinear_(dual|decision|with|not).*|test_logisticregression_liblinear_.*": (
        "liblinear goes on to scikit-learn"
    ),
    r"test_logreg_intercept_scaling_zero": "liblinear goes on to scikit-learn",
}

#: Expected to fail; it is an error if one passes.
FAILS = {
    r"test_max_iter\[.*-(lbfgs|newton-cg|newton-cholesky|sag|saga)-.*\]": (
        "the warning is ours, whatever the solver is called, and four iterations are enough"
    ),
    r"test_newton_cholesky_fallback_to_lbfgs": "ours does not fall back; the warning is its own",
    r"test_logisticregression_warns_with_n_jobs": "n_jobs is not without effect on ours",
    r"test_logistic_regression_callback_fitted_estimator\[.*\]": (
        "fits with callbacks go on to scikit-learn; those without, stopped after as many "
        "iterations, do not, and have come further"
    ),
    r"test_logreg_l1\[.*\]": (
        "sparse X goes on to scikit-learn, whose saga agrees with ours to 3e-7 and not to 1e-7"
    ),
}

#: Why a fit may go on to scikit-learn; any other reason is an error of ours.
REASONS = (
    r"solver='liblinear' penalises the intercept",
    r"solver='.*' knows no L1 norm",
    r"dual=True|l1_ratio=None|max_iter=0|callbacks are set",
    r"arrays of other libraries are enabled",
    r"(?s).*[Ss]parse .*",
    r"(?s).*(NaN|Found input variables with inconsistent numbers|one class only).*",
    r"sample_weight \(times class_weight\) is zero for every sample of class .*",
)
