"""What of scikit-learn's own tests of its logistic regression is not asked of ours, and why.

Names are regular expressions of whole test names, with parameters in brackets.
"""

#: The version whose tests these are; another minor version has others.
SCIKIT_LEARN = "1.9"

#: Nothing in these is ours: they are not run.
NOT_OURS = {
    r"test_consistency_path.*|test_logistic_regression_path_.*": "a private function",
    r"test_.*liblinear_(dual|decision|with|not).*|test_logisticregression_liblinear_.*": (
        "liblinear goes on to scikit-learn"
    ),
    r"test_logreg_intercept_scaling_zero": "liblinear goes on to scikit-learn",
}

#: Expected to fail; it is an error if one passes.
FAILS = {
    r"test_large_sparse_matrix\[.*-(sag|saga)\]": "ours reads indices of 64 bits, refused there",
    r"test_logistic_cv_mock_scorer": (
        "a scorer that counts its calls: ours goes through the folds for each C, not the reverse"
    ),
    r"test_logistic_cv_multinomial_score\[neg_log_loss-.*\]": (
        "compared with a private function, which does not come as near to the minimum"
    ),
    r"test_max_iter\[.*-(lbfgs|newton-cg|newton-cholesky|sag|saga)-.*\]": (
        "the warning is ours, whatever the solver is called, and four iterations are enough"
    ),
    r"test_newton_cholesky_fallback_to_lbfgs": "ours does not fall back; the warning is its own",
    r"test_logisticregression_warns_with_n_jobs": "n_jobs is not without effect on ours",
    r"test_logistic_regression_callback_fitted_estimator\[.*\]": (
        "fits with callbacks go on to scikit-learn; those without, stopped after as many "
        "iterations, do not, and have come further"
    ),
}

#: Why a fit may go on to scikit-learn; any other reason is an error of ours.
REASONS = (
    r"solver='liblinear' penalises the intercept",
    r"solver='.*' knows no L1 norm",
    r"dual=True|l1_ratio=None|max_iter=0|callbacks are set",
    r"(?s).*enable_metadata_routing.*",
    r"cv can be read only once|cv: fold .* has no training rows .*",
    r"penalty='elasticnet' without l1_ratios|l1_ratios beside penalty=.*",
    r"arrays of other libraries are enabled",
    r"(?s).*(NaN|Found input variables with inconsistent numbers|one class only).*",
    r"sample_weight \(times class_weight\) is zero for every sample of class .*",
)
