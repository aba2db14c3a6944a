"""Judgement and calibration of many classes, against scikit-learn and known answers."""

import numpy as np
import pytest
from sklearn import metrics

from fusedlogit.evaluation.calibration import Temperature, temperature
from fusedlogit.evaluation.many_classes import ClassJudgement, Confused
from fusedlogit.evaluation.two_classes import Judgement


@pytest.fixture
def judgement():
    generator = np.random.default_rng(0)
    truth = generator.permutation(np.arange(600) % 8)
    decision = generator.normal(size=(600, 8))
    decision[np.arange(600), truth] += 1.5
    return ClassJudgement(truth, Temperature().probability(decision))


def test_scores_are_scikit_learns(judgement):
    truth, probability = judgement.truth, judgement.probability
    assert judgement.score.accuracy == metrics.accuracy_score(truth, judgement.answer)
    assert judgement.score.log_loss == pytest.approx(metrics.log_loss(truth, probability))
    np.testing.assert_array_equal(
        judgement.confusion, metrics.confusion_matrix(truth, judgement.answer)
    )
    assert judgement.roc_auc == pytest.approx(
        metrics.roc_auc_score(truth, probability, multi_class="ovr")
    )
    for count in (1, 3, 8):
        expected = metrics.top_k_accuracy_score(truth, probability, k=count) if count < 8 else 1
        assert judgement.top_accuracy(count) == pytest.approx(expected)
    precision, recall, _, support = metrics.precision_recall_fscore_support(truth, judgement.answer)
    for k, one in enumerate(judgement.by_class):
        assert one.n_samples == support[k]
        assert one.accuracy == pytest.approx(recall[k])
        assert one.precision == pytest.approx(precision[k])


def test_the_most_confused_come_first_and_right_answers_never():
    truth = np.array([0, 0, 0, 1, 1, 2])
    answer = np.array([1, 1, 0, 1, 2, 2])
    judged = ClassJudgement(truth, np.eye(3)[answer])
    assert judged.most_confused(5) == [Confused(0, 1, 2, 2 / 3), Confused(1, 2, 1, 1 / 2)]
    assert judged.most_confused(1) == [Confused(0, 1, 2, 2 / 3)]
    assert judged.surest(right=False, count=2).tolist() == [0, 1]
    assert judged.runner_up(0) == 0


def test_the_true_class_is_last_among_equals():
    judged = ClassJudgement(np.array([0, 1]), np.full((2, 4), 0.25))
    assert judged.top_accuracy(3) == 0
    assert judged.top_accuracy(4) == 1


@pytest.mark.parametrize("slope", [0.2, 1.0, 5.0])
def test_temperature_finds_the_slope_that_made_the_answers(slope):
    generator = np.random.default_rng(1)
    decision = generator.normal(size=(20_000, 4)) / slope * 2
    chances = Temperature(slope).probability(decision)
    truth = (chances.cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    assert temperature(decision, truth).slope == pytest.approx(slope, rel=0.05)


def test_answers_that_are_all_right_do_not_give_boundless_confidence():
    truth = np.arange(30) % 3
    found = temperature(np.eye(3)[truth], truth)
    probability = found.probability(np.eye(3)[truth]).max(axis=1)
    np.testing.assert_allclose(probability, 1 - 1 / 32, rtol=1e-3)


@pytest.mark.parametrize("least", [1e-300, 1e-60, 1e-10, 0.2])
def test_the_log_loss_is_that_of_two_classes_and_of_scikit_learn(least):
    truth, second = np.array([1, 0, 1]), np.array([least, 0.2, 0.9])
    both = np.column_stack([1 - second, second])
    expected = metrics.log_loss(truth, both)
    assert ClassJudgement(truth, both).score.log_loss == pytest.approx(expected, rel=1e-12)
    of_two = Judgement(truth == 1, second, second > 0.5)
    assert of_two.score.log_loss == pytest.approx(expected, rel=1e-12)
