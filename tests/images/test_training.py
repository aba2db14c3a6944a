"""The pipeline from files to a judged classifier."""

import numpy as np
import pytest

from fusedlogit import LogisticRegression
from fusedlogit.errors import ImageDataError, InputError
from fusedlogit.evaluation.two_classes import Judgement
from fusedlogit.photographs.loading import load_images
from fusedlogit.photographs.stages import Listener
from fusedlogit.photographs.training import TrainingOptions, train


class Recorder(Listener):
    def __init__(self):
        self.events = []

    def found(self, counts, size, n_bytes):
        self.events.append(("found", dict(counts), size, n_bytes))

    def decoded(self, count):
        self.events.append(("decoded", count))

    def fitting(self, learning_rate, max_iter):
        self.events.append(("fitting", learning_rate, max_iter))

    def iterated(self, iteration, cost):
        self.events.append(("iterated", iteration, cost))


def test_parts_are_views_of_one_array(images):
    assert images.pixels.shape == (24, 4 * 4 * 3)
    for name in ("train", "validation", "test"):
        pixels, labels = images.part(name)
        assert np.shares_memory(pixels, images.pixels)
        assert len(pixels) == len(labels)
    assert sum(len(images.part(name)[1]) for name in images.bounds) == 24


def test_rows_belong_to_their_labels(images):
    for pixels, file in zip(images.pixels, images.files, strict=True):
        assert (pixels.mean() > 125) == (file.label == "dog")


def test_zip_and_folder_give_the_same_images(folder, zip_file):
    one, other = load_images(folder, size=4), load_images(zip_file, size=4)
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.files == other.files
    assert one.bounds == other.bounds


def test_skipped_images_are_reported_and_do_not_shift_the_others(folder):
    whole = load_images(folder, size=4)
    lost = whole.files[3].name
    (folder / lost).write_bytes(b"hello")
    images = load_images(folder, size=4)
    assert [file.name for file in images.skipped] == [lost]
    assert lost not in {file.name for file in images.files}
    pixels = {file.name: row for file, row in zip(whole.files, whole.pixels, strict=True)}
    for file, row in zip(images.files, images.pixels, strict=True):
        np.testing.assert_array_equal(row, pixels[file.name])
    assert images.bounds["test"] == slice(whole.bounds["test"].start - 1, 23)


def test_a_part_left_without_a_label_is_refused(folder):
    for path in folder.glob("cat.*"):
        path.write_bytes(b"hello")
    with pytest.raises(ImageDataError, match=r"label 'cat' can be decoded, 12 were skipped"):
        load_images(folder, size=4)


def test_the_listener_hears_of_memory_before_decoding_and_of_every_iteration(folder):
    recorder = Recorder()
    images = load_images(folder, size=4, listener=recorder)
    assert recorder.events[0] == ("found", {"cat": 12, "dog": 12}, 4, images.pixels.nbytes)
    assert sum(event[1] for event in recorder.events[1:]) == 24
    recorder.events.clear()
    options = TrainingOptions(solver="gd", learning_rates=(0.001, 0.002), max_iter=3)
    result = train(images, options, recorder)
    assert [event[:2] for event in recorder.events] == [
        ("fitting", 0.001), ("iterated", 1), ("iterated", 2), ("iterated", 3),
        ("fitting", 0.002), ("iterated", 1), ("iterated", 2), ("iterated", 3),
    ]  # fmt: skip
    assert [event[2] for event in recorder.events[5:]] == list(result.candidates[1].cost)


def test_the_kept_candidate_is_the_best_on_validation(result):
    accuracies = [candidate.validation.accuracy for candidate in result.candidates]
    assert result.best.validation.accuracy == max(accuracies)
    assert [candidate.learning_rate for candidate in result.candidates] == [0.001, 0.05]
    assert result.scores["validation"] == result.best.validation


def test_among_equally_accurate_the_lower_log_loss_is_kept(images):
    options = TrainingOptions(solver="gd", learning_rates=(0.001, 0.002, 0.004), max_iter=40)
    result = train(images, options)
    best = max(candidate.validation.accuracy for candidate in result.candidates)
    losses = [c.validation.log_loss for c in result.candidates if c.validation.accuracy == best]
    assert len(losses) > 1
    assert result.best.validation.log_loss == min(losses)


def test_training_is_the_estimator_on_the_training_part(images):
    result = train(images, TrainingOptions(C=(0.1,)))
    model = LogisticRegression(C=0.1, scaling=255).fit(*images.part("train"))
    np.testing.assert_array_equal(result.classifier.coef, model.coef_[0])
    assert result.scores["test"].accuracy == model.score(*images.part("test"))
    assert result.best.learning_rate is None


def test_the_saved_form_answers_as_the_estimator_does(result):
    pixels, _ = result.images.part("test")
    probability = result.classifier.probability(result.classifier.values(pixels))
    np.testing.assert_allclose(probability, result.test.probability, rtol=1e-12)
    expected = result.best.model.predict(pixels)
    assert result.classifier.answers(probability).tolist() == expected.tolist()


def test_a_fixed_number_of_iterations_raises_no_alarm(images, recwarn):
    result = train(images, TrainingOptions(solver="gd", max_iter=2))
    assert not result.best.model.converged_
    assert not recwarn.list


def test_a_start_that_is_the_minimum_has_not_diverged(images):
    result = train(images, TrainingOptions(C=(1e-12,)))
    assert result.best.model.converged_
    assert not result.best.diverged


def test_a_diverging_learning_rate_is_marked_and_not_kept(images):
    result = train(images, TrainingOptions(solver="gd", learning_rates=(1e9, 0.001), max_iter=50))
    assert [candidate.diverged for candidate in result.candidates] == [True, False]
    assert result.best.learning_rate == 0.001


def test_nothing_is_kept_when_every_learning_rate_diverges_beyond_all_bounds(images):
    options = TrainingOptions(solver="gd", learning_rates=(1e300, 1e305), max_iter=50)
    with pytest.raises(InputError, match="smaller learning rate"):
        train(images, options)


def test_seconds_of_every_stage_are_told(result):
    assert list(result.seconds) == ["listing", "decoding", "duplicates", "training", "evaluation"]
    assert all(seconds > 0 for seconds in result.seconds.values())


@pytest.fixture
def judgement():
    probability = np.array([0.1, 0.4, 0.8, 0.9, 0.2, 0.7])
    return Judgement(
        truth=np.array([False, False, False, True, True, True]),
        probability=probability,
        answer=probability > 0.5,
    )


def test_scores_of_known_answers(judgement):
    score = judgement.score
    assert score.accuracy == pytest.approx(4 / 6)
    assert score.majority == 0.5
    likelihood = 0.9 * 0.6 * 0.2 * 0.9 * 0.2 * 0.7
    assert score.log_loss == pytest.approx(-np.log(likelihood) / 6)
    assert judgement.confusion.tolist() == [[2, 1], [1, 2]]
    assert judgement.roc_auc == pytest.approx(6 / 9)


def test_surest_answers_come_surest_first(judgement):
    assert judgement.surest(answer=False, right=True, count=5).tolist() == [0, 1]
    assert judgement.surest(answer=True, right=True, count=1).tolist() == [3]
    assert judgement.surest(answer=True, right=False, count=5).tolist() == [2]
    assert judgement.surest(answer=False, right=False, count=5).tolist() == [4]
