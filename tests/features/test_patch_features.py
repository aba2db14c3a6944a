"""PatchFeatures, the transformer."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from fusedlogit import LogisticRegression
from fusedlogit.photographs.features import (
    ACTIVATIONS,
    LayerShape,
    PatchFeatures,
    evidence_map,
    exemplars,
    from_arrays,
    learning,
    to_arrays,
)
from fusedlogit.photographs.features.effort import Effort

SMALL = (
    LayerShape(patch_size=3, stride=1, n_filters=8, n_components=20, grid=5, n_channels=5),
    LayerShape(patch_size=2, stride=1, n_filters=12, n_components=10, grid=2),
)
SIZE = 12


def small(**parameters):
    return PatchFeatures(**{"sizes": (SIZE,), "layers": SMALL} | parameters)


def mirrored(pixels):
    return pixels.reshape(-1, SIZE, SIZE, 3)[:, :, ::-1].reshape(pixels.shape)


@pytest.fixture(scope="module")
def stripes():
    """Noisy photographs of horizontal (0) and vertical (1) stripes, at any phase."""
    rng = np.random.default_rng(0)
    label = np.arange(120) % 2
    wave = 60 * np.sin(np.arange(SIZE) * 1.6 + rng.uniform(0, 6, (120, 1)))
    square = np.where(label[:, None, None] == 0, wave[:, :, None], wave[:, None, :])
    square = square[..., None] + rng.normal(128, 25, (120, SIZE, SIZE, 3))
    return np.clip(square, 0, 255).astype(np.uint8).reshape(120, -1), label


@pytest.fixture(scope="module")
def fitted(stripes):
    return small().fit(stripes[0])


def test_features_are_float16_and_finite(fitted, stripes):
    features = fitted.transform(stripes[0])
    assert features.dtype == np.float16
    assert features.shape == (120, fitted.n_features_out_) == (120, 2 * 2 * 2 * 6)
    assert np.isfinite(features).all()
    assert features.std(axis=0).min() > 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("sizes", [(SIZE,), (7, 17)])
def test_a_photograph_and_its_mirror_image_have_the_same_features(stripes, activation, sizes):
    pixels, _ = stripes
    features = small(activation=activation, sizes=sizes).fit(pixels)
    np.testing.assert_allclose(
        features.transform(pixels).astype(float),
        features.transform(mirrored(pixels)).astype(float),
        atol=4e-3,
    )


def test_a_pipeline_tells_what_pixels_do_not(stripes):
    pixels, label = stripes
    pipeline = make_pipeline(small(), LogisticRegression(scaling="standard", C=0.1))
    assert cross_val_score(pipeline, pixels, label, cv=3).min() > 0.9
    raw = LogisticRegression(scaling=255, C=0.1)
    assert cross_val_score(raw, pixels, label, cv=3).mean() < 0.7


@pytest.mark.parametrize("dictionary", ["random", "kmeans"])
def test_the_seed_decides_and_threads_do_not(stripes, dictionary):
    pixels, _ = stripes
    one, two, other = (
        small(dictionary=dictionary, n_jobs=n_jobs, random_state=seed).fit_transform(pixels)
        for n_jobs, seed in ((1, 3), (2, 3), (1, 4))
    )
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("dictionary", ["random", "kmeans"])
@pytest.mark.parametrize("sizes", [(SIZE,), (7, 17)])
def test_learning_tells_its_share_up_to_all(stripes, dictionary, sizes):
    shares = []
    small(dictionary=dictionary, sizes=sizes).fit(stripes[0], on_share=shares.append)
    assert len(shares) > 20
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] == pytest.approx(1)


def test_a_patch_is_added_to_the_atom_that_it_or_its_mirror_image_answers_to():
    rng = np.random.default_rng(0)
    whitened = rng.normal(size=(300, 7)).astype(np.float32)
    atoms = rng.normal(size=(12, 7)).astype(np.float32)
    mirror = np.where(np.arange(7) < 4, 1, -1)
    drawn = rng.permutation(300)
    expected = np.zeros((12, 7))
    for patch in whitened[drawn[50:250]]:
        answers = np.stack([atoms @ patch, atoms @ (patch * mirror)])
        turned, atom = np.unravel_index(np.abs(answers).argmax(), answers.shape)
        expected[atom] += answers[turned, atom] * (patch * mirror if turned else patch)
    found = learning._assigned(whitened, drawn, atoms, 4, slice(50, 250))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_the_spread_of_responses_is_that_of_all_of_them():
    rng = np.random.default_rng(0)
    whitened = rng.normal(0.3, 1, size=(500, 7)).astype(np.float32)
    atoms = rng.normal(size=(12, 7)).astype(np.float32)
    assert learning._spread(whitened, atoms) == pytest.approx(np.std(whitened @ atoms.T), rel=1e-5)


def test_components_are_those_of_all_responses_together():
    """Of many blocks of maps; mirrored responses make the odd part."""
    rng = np.random.default_rng(0)
    pooled = rng.gamma(2, size=(40, 2, 3, 1, 2, 4)).astype(np.float32)
    reduction = learning.learn_reduction(pooled, 6, Effort())
    one, other = (np.sqrt(pooled[..., 0, side, :]).reshape(-1, 4) for side in (0, 1))
    even, odd = (one + other) / np.sqrt(2), (one - other) / np.sqrt(2)
    np.testing.assert_allclose(reduction.mean, even.mean(axis=0), rtol=1e-5)
    for part, components in ((even - even.mean(axis=0), reduction.even), (odd, reduction.odd)):
        moments = part.T @ part / len(part)
        variance = np.diag(components.T @ moments @ components)
        np.testing.assert_allclose(moments @ components, components * variance, atol=1e-5)
    assert reduction.even.shape[1] + reduction.odd.shape[1] == 6


def test_only_what_was_fitted_on_counts(stripes):
    """The features of an image depend on the training images and itself, on no other."""
    pixels, _ = stripes
    features = small().fit(pixels[:60])
    alone = features.transform(pixels[60:61])
    np.testing.assert_array_equal(alone, features.transform(pixels)[60:61])


def test_a_clone_has_the_same_parameters(fitted):
    assert clone(fitted).get_params() == fitted.get_params()


def test_arrays_keep_all_that_was_learnt(fitted, stripes):
    again = from_arrays(to_arrays(fitted))
    np.testing.assert_array_equal(again.transform(stripes[0]), fitted.transform(stripes[0]))


@pytest.mark.parametrize(
    "name",
    ["chain0.layer0.offset", "chain0.layer1.even0", "chain0.reduction0.mean", "chain0.layer0.odd0"],
)
def test_arrays_that_do_not_fit_are_refused(fitted, name):
    arrays = to_arrays(fitted)
    for wrong in (arrays[name][:-1], arrays[name] * np.nan, arrays[name].ravel()[:0]):
        with pytest.raises(ValueError, match="does not fit"):
            from_arrays(arrays | {name: wrong})
    with pytest.raises((KeyError, ValueError)):
        from_arrays({key: value for key, value in arrays.items() if key != name})


@pytest.mark.parametrize("row", [[99, 1, 8, 20, 6, 5], [3, 0, 8, 20, 6, 5], [3, 1, 8, 20, 0, 5]])
def test_layers_that_do_not_fit_are_refused(fitted, row):
    arrays = to_arrays(fitted)
    layers = arrays["layers"].copy()
    layers[0] = row
    with pytest.raises(ValueError, match="does not fit"):
        from_arrays(arrays | {"layers": layers})


def test_what_is_no_square_photograph_is_refused():
    with pytest.raises(ValueError, match="size \\* size \\* 3"):
        small().fit(np.zeros((4, 100), np.uint8))


@pytest.mark.parametrize(("value", "told"), [(0.5, "0.5"), (256, "256"), (-1, "-1"), (1e9, "1000")])
def test_what_is_no_byte_is_refused(fitted, stripes, value, told):
    """Pixels between 0 and 1 were cut off to black ones."""
    X = stripes[0].astype(type(value))
    np.testing.assert_array_equal(fitted.transform(X), fitted.transform(stripes[0]))
    X[3, 5] = value
    for method in (fitted.transform, small().fit):
        with pytest.raises(ValueError, match=f"X holds {told}.*, which is no byte"):
            method(X)


def test_a_fit_that_is_refused_leaves_what_was_learnt(stripes):
    transformer = small().fit(stripes[0])
    with pytest.raises(ValueError, match="size"):
        transformer.fit(stripes[0][:, :100])
    assert np.isfinite(transformer.transform(stripes[0])).all()


def test_flat_photographs_have_finite_features(fitted):
    flat = np.full((2, SIZE * SIZE * 3), 255, np.uint8)
    flat[1] = 0
    assert np.isfinite(fitted.transform(flat)).all()


def test_all_flat_photographs_can_be_learnt_from():
    assert np.isfinite(small().fit_transform(np.full((9, SIZE * SIZE * 3), 7, np.uint8))).all()


@pytest.mark.parametrize("activation", ["two-sided", "tanh"])
@pytest.mark.parametrize("sizes", [(SIZE,), (7, 17)])
def test_evidence_adds_up_to_the_decision(stripes, activation, sizes):
    pixels, _ = stripes
    features = small(activation=activation, sizes=sizes).fit(pixels)
    rng = np.random.default_rng(0)
    coef, mean = rng.normal(size=(2, features.n_features_out_))
    for photograph in pixels[:5]:
        values = features.transform(photograph[None])[0].astype(float)
        evidence = evidence_map(features, photograph.reshape(SIZE, SIZE, 3), coef, mean)
        assert evidence.shape == (SIZE, SIZE)
        assert evidence.sum() == pytest.approx(coef @ (values - mean), abs=0.02)


def test_evidence_lies_where_the_photograph_differs():
    """A patch of stripes in one corner, in a photograph that is flat elsewhere."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, SIZE, SIZE, 3), dtype=np.uint8)
    features = small(layers=SMALL[1:]).fit(pixels.reshape(60, -1))
    photograph = np.full((SIZE, SIZE, 3), 128, np.uint8)
    photograph[:4, -4:] = rng.integers(0, 256, (4, 4, 3))
    flat = features.transform(np.full((1, SIZE * SIZE * 3), 128, np.uint8))[0].astype(float)
    evidence = evidence_map(features, photograph, np.ones_like(flat), flat)
    corner = np.abs(evidence[:5, -5:]).sum()  # patches of 2 x 2 reach one pixel further
    assert corner > 0.99 * np.abs(evidence).sum()


@pytest.mark.parametrize("size", [SIZE, 2 * SIZE])
def test_exemplars_are_the_pieces_that_a_filter_answers_to(size):
    """Filters of stripes, in photographs with stripes in a place of their own, or flat."""
    rng = np.random.default_rng(0)
    layer = LayerShape(patch_size=4, stride=1, n_filters=4, n_components=30, grid=3)
    noise = rng.integers(0, 256, (60, SIZE, SIZE, 3), dtype=np.uint8)
    features = small(layers=(layer,)).fit(noise.reshape(60, -1))
    few = np.full((5, SIZE, SIZE, 3), 128, np.uint8)
    places = [(0, 0), (3, 8), (8, 1), (5, 5)]
    pieces = rng.integers(0, 256, (4, 4, 4, 3), dtype=np.uint8)
    for photograph, (row, column), piece in zip(few, places, pieces, strict=False):
        photograph[row : row + 4, column : column + 4] = piece
    few = few.repeat(size // SIZE, axis=1).repeat(size // SIZE, axis=2)
    features.n_features_in_ = size * size * 3
    coef = np.zeros(features.feature_shapes_[0])
    coef[:, :, 0, 0] = 1
    coef[:, :, 1, 1] = -2
    pixels = few.reshape(5, -1)
    values = features.transform(pixels).astype(float).reshape(5, *coef.shape)
    (against,), (favour,) = exemplars(features, pixels, coef.ravel(), count=1, n_pieces=5)
    assert favour.weight == pytest.approx(values[..., 0, 0].std(axis=0).sum(), rel=1e-6)
    assert against.weight == pytest.approx(-2 * values[..., 1, 1].std(axis=0).sum(), rel=1e-6)
    for one in (favour, against):
        assert [piece.shape for piece in one.pieces] == [(size // 3, size // 3, 3)] * 5
        assert np.ptp(one.pieces[0]) > 0
        assert np.ptp(one.pieces[-1]) == 0  # of the flat photograph
