"""Keeps freed memory in the process, so that a step on a CPU does not pay for page faults."""

import ctypes
import functools
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # names and numbers of glibc's malloc.h


@functools.cache
def keep_freed_memory() -> bool:
    """Tells glibc to reuse big freed blocks instead of giving them back to the system after each use.

    A training step allocates the same large tensors again and again; by default each is mapped and zeroed anew.

    Returns:
        Whether it could be done (Linux with glibc); elsewhere nothing changes.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, 1 << 30)) and bool(mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1))
