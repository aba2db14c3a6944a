"""Words as columns, copies of texts, and decisions divided over words."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from fusedlogit.errors import TextDataError
from fusedlogit.text.demo import GeneratedLetters
from fusedlogit.text.mistakes import divided
from fusedlogit.text.stages import Listener
from fusedlogit.text.survey import look_at
from fusedlogit.text.training import TextOptions, train
from fusedlogit.text.words import PATTERN, Frequencies, TermCounts, analyzer, hashed_words

TEXTS = [text for text, _, _ in GeneratedLetters(200).read()]


class Letters:
    """Given texts and labels as documents."""

    name, column, passed_over = "letters", "text", ()

    def __init__(self, texts, labels):
        self.texts, self.labels = texts, labels

    def read(self):
        for number, (text, label) in enumerate(zip(self.texts, self.labels, strict=True), start=1):
            yield text, label, number / len(self.texts)


def test_a_word_keeps_its_apostrophes():
    terms = analyzer(2)("Don't say 'no', I can\N{RIGHT SINGLE QUOTATION MARK}t hear x2!")
    assert terms[:6] == ["don't", "say", "no", "can\N{RIGHT SINGLE QUOTATION MARK}t", "hear", "x2"]
    assert "don't say" in terms


@pytest.mark.parametrize("count", [5, 100, 10_000])
def test_the_commonest_terms_are_those_of_scikit_learn(count):
    frequencies = Frequencies()
    frequencies.add(TermCounts.of(TEXTS, 2))
    vectorizer = CountVectorizer(token_pattern=PATTERN, ngram_range=(1, 2), min_df=2)
    n_texts = (vectorizer.fit_transform(TEXTS) > 0).sum(axis=0).A1
    names = vectorizer.get_feature_names_out()
    order = sorted(zip(-n_texts, names, strict=True))[:count]
    assert frequencies.commonest(count, 2) == tuple(sorted(name for _, name in order))


def test_rare_terms_are_forgotten_where_there_are_too_many():
    frequencies = Frequencies(most=50)
    for k in range(400):
        frequencies.add(TermCounts.of([f"common word r{k}a r{k}b r{k}c"], 1))
        assert len(frequencies._counts) <= 50
    assert {"common", "word"} == set(frequencies.commonest(2, 300))


def test_hashed_counts_add_up_to_the_words():
    words = hashed_words(64, 2)
    counts = words.counts(TEXTS)
    assert counts.shape == (len(TEXTS), 64)
    lengths = [len(analyzer(2)(text)) for text in TEXTS]
    np.testing.assert_array_equal(counts.sum(axis=1).A1, lengths)
    assert counts[0, words.column(analyzer(2)(TEXTS[0])[0])] > 0


@pytest.mark.parametrize("hashed", [False, True])
def test_a_decision_is_divided_without_approximation(hashed):
    options = TextOptions(hashed=hashed, n_columns=300 if hashed else None, C=(10.0,), folds=2,
                          n_threads=1)  # fmt: skip
    classifier = train(GeneratedLetters(300), options).classifier
    for text in TEXTS[:20]:
        features = classifier.features([text])
        adds = (classifier.head.coef[0] - classifier.head.coef[1])[features.indices] * features.data
        spans, log_odds = divided(
            text, classifier.words, dict(zip(features.indices, adds, strict=True))
        )
        decision = classifier.head.decision(features)[0] - classifier.head.intercept
        assert log_odds.sum() == pytest.approx(decision[0] - decision[1], rel=1e-5, abs=1e-6)
        assert [text[first:last].lower() for first, last in spans] == analyzer(1)(text)


def test_copies_are_on_one_side_of_the_split():
    texts = [f"text of number {k % 30}" for k in range(90)]
    texts[60:] = [text.upper().replace(" ", "  ") for text in texts[60:]]
    survey = look_at(Letters(texts, ["ab"[k % 2] for k in range(90)]), Listener())
    assert survey.n_copies == 60
    for seed in range(5):
        part = survey.split(test_fraction=0.3, folds=3, seed=seed).part
        np.testing.assert_array_equal(part[:30], part[30:60])
        np.testing.assert_array_equal(part[:30], part[60:])
        assert set(part) == {-1, 0, 1, 2}


def test_three_texts_of_each_class_are_enough():
    texts = [f"{word} number {k}" for k in range(3) for word in ("good", "bad")]
    result = train(Letters(texts, ["yes", "no"] * 3), TextOptions(n_threads=1))
    assert len(result.split.test) == 2
    assert 2 <= result.split.n_folds <= 5


def test_texts_that_change_meanwhile_are_refused():
    class Growing(Letters):
        def read(self):
            yield from super().read()
            self.texts, self.labels = [*self.texts, "one more"], [*self.labels, "a"]

    with pytest.raises(TextDataError, match="has changed"):
        train(Growing(TEXTS[:50], list("ab") * 25), TextOptions())
