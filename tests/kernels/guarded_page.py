"""Arrays that end where readable memory ends, and a child process to read them in."""

import faulthandler
import mmap
import os
import resource
import tempfile

import numpy as np


def at_page_end(array):
    """A copy of the array; reading one byte beyond it kills the process."""
    size = -(-array.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    with tempfile.TemporaryFile() as file:
        os.ftruncate(file.fileno(), size + mmap.PAGESIZE)
        pages = mmap.mmap(file.fileno(), size + mmap.PAGESIZE)
        os.ftruncate(file.fileno(), size)  # the last page has no file behind it any more
    copy = np.frombuffer(pages, array.dtype, array.size, offset=size - array.nbytes)
    copy = copy.reshape(array.shape)
    copy[...] = array
    return copy


def exit_status(work):
    """Run work() in a forked child: 0 if it returns, 1 if it raises, -signal if it is killed."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        faulthandler.disable()  # a crash is expected of some
        work()
        os._exit(0)
    finally:
        os._exit(1)
