"""One zoo of inputs: the same numbers in every shape in which users hand them over."""

import numpy as np

N_SAMPLES, N_FEATURES = 57, 6


class DataFrameLike:
    """An object that NumPy can only turn into an array."""

    def __init__(self, values):
        self._values = values
        self.shape = values.shape

    def __len__(self):
        return len(self._values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


def numbers():
    """Whole numbers from 0 to 200, exact in every dtype of the zoo (bool has its own)."""
    return np.random.default_rng(0).integers(0, 201, (N_SAMPLES, N_FEATURES))


def field_of_records(values):
    """Rows 52 bytes apart, which is no multiple of an item."""
    records = np.zeros(len(values), dtype=[("x", np.float64, N_FEATURES), ("tag", np.int32)])
    records["x"] = values
    return records["x"]


def unaligned(values):
    memory = np.zeros(values.size * 8 + 1, dtype=np.uint8)
    array = memory[1:].view(np.float64).reshape(values.shape)
    array[...] = values
    return array


def wider(values, dtype):
    """Every other row and the inner columns of a larger array."""
    n_rows, n_columns = values.shape
    array = np.full((2 * n_rows, n_columns + 3), 99, dtype=dtype)[::2, 1 : 1 + n_columns]
    array[...] = values
    return array


def memory_map(values, folder, dtype):
    path = folder / "X.npy"
    np.save(path, values.astype(dtype))
    return np.load(path, mmap_mode="r")


def read_only(values):
    values.flags.writeable = False
    return values


def every_other_column(values):
    wide = np.full((len(values), 2 * N_FEATURES), np.nan)
    wide[:, ::2] = values
    return wide[:, ::2]


# name -> (numbers, folder) -> X
ZOO = {
    **{
        dtype: lambda x, _, dtype=dtype: x.astype(dtype)
        for dtype in (
            "float64", "float32", "float16", "longdouble", "uint8", "uint16", "uint32", "int16",
            "int32", "int64", "uint64", ">f8", ">f4", ">f2", ">u2", ">i4",
        )
    },
    "int8": lambda x, _: (x - 100).astype(np.int8),
    "bool": lambda x, _: x > 100,
    "fortran": lambda x, _: np.asfortranarray(x, dtype=np.float64),
    "fortran uint8": lambda x, _: np.asfortranarray(x, dtype=np.uint8),
    "rows of a taller": lambda x, _: wider(x.T, np.float32).T,
    "columns reversed in Fortran order": lambda x, _: np.asfortranarray(x, np.float64)[:, ::-1],
    "rows reversed in Fortran order": lambda x, _: np.asfortranarray(x, np.uint8)[::-1],
    "every other row in Fortran order": lambda x, _: np.asfortranarray(
        np.repeat(x, 2, axis=0), np.float64
    )[::2],
    "repeated column": lambda x, _: np.broadcast_to(x[:, :1].astype(np.float32), x.shape),
    "every other row": lambda x, _: np.repeat(x, 2, axis=0).astype(np.float32)[::2],
    "every other column": lambda x, _: every_other_column(x),
    "rows reversed": lambda x, _: x.astype(np.float64)[::-1],
    "columns reversed": lambda x, _: x.astype(np.uint8)[:, ::-1],
    "columns of a wider": lambda x, _: wider(x, np.float64),
    "columns of a wider uint8": lambda x, _: wider(x, np.uint8),
    "repeated row": lambda x, _: np.broadcast_to(x[0].astype(np.float32), x.shape),
    "overlapping rows": lambda x, _: np.lib.stride_tricks.sliding_window_view(
        x.astype(np.float64).ravel()[: N_SAMPLES + N_FEATURES - 1], N_FEATURES
    ),
    "one column": lambda x, _: x.astype(np.float64)[:, 2:3],
    "one row": lambda x, _: x.astype(np.float32)[3:4],
    "field of records": lambda x, _: field_of_records(x),
    "unaligned": lambda x, _: unaligned(x),
    "read-only": lambda x, _: read_only(x.astype(np.float64)),
    "read-only uint8": lambda x, _: read_only(x.astype(np.uint8)),
    "memory map": lambda x, folder: memory_map(x, folder, np.float64),
    "memory map uint8": lambda x, folder: memory_map(x, folder, np.uint8),
    "lists": lambda x, _: x.tolist(),
    "tuple of arrays": lambda x, _: tuple(x.astype(np.float32)),
    "objects": lambda x, _: x.astype(object),
    "like a data frame": lambda x, _: DataFrameLike(x.astype(np.float64)),
    "subclass": lambda x, _: x.astype(np.float64).view(np.recarray),
}  # fmt: skip
