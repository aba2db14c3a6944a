"""Patches of photographs gathered into rows, and the responses of filters to them pooled."""

from cython_kernels.photographs.gather cimport Map, gain_of, gather_patch
from cython_kernels.photographs.pool cimport pool_cell

#: The activations in the order of their numbers, with the outputs that each filter has.
ACTIVATIONS = {"two-sided": 2, "relu": 1, "abs": 1, "tanh": 1, "sigmoid": 1, "softplus": 1}


cdef inline const float* first_of(const float[:, :, ::1] part) noexcept nogil:
    return &part[0, 0, 0] if part.shape[0] and part.shape[1] and part.shape[2] else NULL


def gather(
    const float[:, :, ::1] even_map,
    const float[:, :, ::1] odd_map,
    Py_ssize_t size,
    Py_ssize_t stride,
    Py_ssize_t first_row,
    bint centred,
    float floor,
    float[:, :, ::1] even,
    float[:, :, ::1] odd,
):
    """Fold the patches of some rows of a map, divided by their contrast.

    Row i of the outputs holds the patches whose upper edge is (first_row + i) * stride, one every
    `stride` columns. The contrast is sqrt(variance + floor) if `centred`, else
    sqrt(mean square + floor). even: (rows, patches in a row, n_even); odd: the same with n_odd.
    """
    cdef Map pixels = [
        first_of(even_map), first_of(odd_map), even_map.shape[1], even_map.shape[2],
        odd_map.shape[2],
    ]
    cdef Py_ssize_t i, j, place
    with nogil:
        for i in range(even.shape[0]):
            for j in range(even.shape[1]):
                place = (first_row + i) * stride * pixels.width + j * stride
                gather_patch(
                    &pixels, place, size, gain_of(&pixels, place, size, centred, floor),
                    &even[i, j, 0], &odd[i, j, 0])


def pool(
    const float[:, ::1] even,
    const float[:, ::1] odd,
    const float[::1] offset,
    float threshold,
    int activation,
    const Py_ssize_t[::1] cell,
    float[:, :, :, ::1] pooled,
):
    """Add the activated responses of filters and mirrored filters to the sums of their cells.

    even, odd: (n_patches, n_filters), responses to both parts; offset: (n_filters,), taken from
    the even ones; cell: (n_patches,); pooled: (n_cells, outputs of a filter, 2, n_filters), where
    the third axis tells the filter from its mirror image.
    """
    cdef Py_ssize_t n_filters = even.shape[1], n_patches = even.shape[0]
    cdef Py_ssize_t first = 0, last
    if n_filters == 0:
        return
    with nogil:
        while first < n_patches:
            last = first + 1
            while last < n_patches and cell[last] == cell[first]:
                last += 1
            pool_cell(
                &even[first, 0], &odd[first, 0], &offset[0], last - first, n_filters, threshold,
                activation, &pooled[cell[first], 0, 0, 0])
            first = last
