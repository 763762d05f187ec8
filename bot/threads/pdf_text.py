"""Extract the text of a PDF from standard input to standard output: a separate program, because a PDF may never end.

The calling process limits its time; it limits its own memory and CPU time before it reads a byte.
"""

import io
import resource
import sys

from pypdf import PdfReader
from pypdf.errors import PyPdfError

PAGES_MAX = 100
MEMORY_BYTES = 1 << 30
CPU_S = 20


def main() -> int:
    """Print the text of the first pages; return 1 when it cannot be read."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    try:
        reader = PdfReader(io.BytesIO(sys.stdin.buffer.read()))
        for page in reader.pages[:PAGES_MAX]:
            sys.stdout.buffer.write(page.extract_text().encode(errors="replace") + b"\n")
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
